package filters

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// OfPull reads the subscription that a pull brings. Like real brokers it passes everything if
// it is an expression over properties that cannot be read (FilterAPI.build and
// PullMessageProcessor of 5.5.0). It is not ok if there is nothing in it.
func OfPull(kind, expression string, v headers.Version) (f Filter, ok bool) {
	if tags.IsExpression(kind) {
		wanted, ok := tags.Parse(expression)
		return Tags(wanted), ok
	}
	if f, ok = Compile(kind, expression, v); !ok {
		f = All()
	}
	return f, expression != ""
}

// OfPop reads the expression of a pop or a notification, which passes everything without one.
func OfPop(kind, expression string, v headers.Version) (f Filter, ok bool) {
	if expression != "" && !tags.IsExpression(kind) {
		return Compile(kind, expression, v)
	}
	wanted, ok := tags.Parse(expression)
	return Tags(wanted), ok
}

package subscriber

import (
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Filter says which messages of a topic a group wants. Brokers apply it, so that other
// messages are not sent. The zero value is all messages. Make one with Tags or SQL.
type Filter struct {
	expression string
	sql        bool
}

// Tags wants the messages that have one of these tags (marshaler.MetadataTag, TAGS of
// RocketMQ). Without tags it wants all messages.
func Tags(tags ...string) Filter { return Filter{expression: strings.Join(tags, " || ")} }

// SQL wants the messages for whose properties the condition is true, such as
// "region = 'EU' AND amount > 100". Brokers refuse it unless enablePropertyFilter is
// true: Subscribe returns a *FilterError then.
func SQL(condition string) Filter { return Filter{expression: condition, sql: true} }

// String is the expression as brokers get it.
func (f Filter) String() string {
	if f.expression == "" {
		return "*"
	}
	return f.expression
}

// Validate reports a filter that no broker takes.
func (f Filter) Validate() error {
	if f.sql {
		if strings.TrimSpace(f.expression) == "" {
			return fmt.Errorf("the condition is empty")
		}
		return nil
	}
	if f.expression == "" {
		return nil
	}
	for tag := range strings.SplitSeq(f.expression, " || ") {
		switch {
		case strings.TrimSpace(tag) == "":
			return fmt.Errorf("a tag is empty")
		case strings.Contains(tag, "|"):
			return fmt.Errorf("tag %q has a |, which stands between tags", tag)
		case tag == "*":
			return fmt.Errorf("tag * stands for all messages, which is the zero Filter")
		}
	}
	return nil
}

func (f Filter) of() engine.Filter { return engine.Filter{Expression: f.expression, SQL: f.sql} }

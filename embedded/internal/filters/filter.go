// Package filters is how brokers select the messages of a group: by the hashes of their tags,
// or by an expression over their properties.
package filters

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sql92"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Filter passes messages (ExpressionMessageFilter of 5.5.0). The zero Filter passes nothing.
type Filter struct {
	tags       tags.Filter
	expression *sql92.Expression // nil for tags
	all        bool
}

// Tags is a filter by tags.
func Tags(f tags.Filter) Filter { return Filter{tags: f} }

// SQL92 is a filter by an expression.
func SQL92(e *sql92.Expression) Filter { return Filter{expression: e} }

// All passes everything.
func All() Filter { return Filter{all: true} }

// PassesHash reports whether a message passes as far as the hash of its tag, which queues
// have, can tell.
func (f *Filter) PassesHash(hash int32) bool {
	return f.all || f.expression != nil || f.tags.Passes(hash)
}

// PassesRecord reports whether a message in the stored layout passes that has passed
// PassesHash.
func (f *Filter) PassesRecord(raw []byte) bool {
	if f.expression == nil {
		return true
	}
	m, _, err := body.ParseStored(raw)
	if err != nil {
		return false
	}
	var set properties.Set
	set.Parse(m.Properties, nil)
	return f.expression.Selects(&set)
}

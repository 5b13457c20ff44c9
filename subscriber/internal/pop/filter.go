package pop

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// expressionOf returns a filter as requests have it.
func expressionOf(filter engine.Filter) (kind, expression string) {
	switch {
	case filter.SQL:
		return headers.ExpressionSQL92, filter.Expression
	case filter.Expression == "":
		return headers.ExpressionTag, headers.ExpressionAll
	default:
		return headers.ExpressionTag, filter.Expression
	}
}

// tagsOf returns the tags that are asked for, none if messages are not filtered by tags.
func tagsOf(topic engine.Topic) []string {
	if topic.Filter.SQL {
		return nil
	}
	subscription, err := headers.NewSubscription(topic.Name, topic.Filter.Expression, 0)
	if err != nil {
		return nil // the broker says so as well
	}
	return subscription.Tags
}

// filter acks messages whose tag was not asked for, and leaves the others: brokers compare
// hash codes of tags (DefaultMQPushConsumerImpl.processPopResult of 5.5.0).
func (f *Fetcher) filter(a *answer) {
	if len(f.tags) == 0 {
		return
	}
	before := len(a.messages)
	a.messages = slices.DeleteFunc(a.messages, func(m *delivery.Message) bool {
		if slices.Contains(f.tags, m.Property(headers.PropertyTags)) {
			return false
		}
		m.Source.Ack(m)
		return true
	})
	a.filtered = before - len(a.messages)
}

package subscriber

import (
	"context"
	"maps"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"
)

// DeadLetter is a message that is not delivered any more.
type DeadLetter struct {
	// Topic is Watermill's name of the topic.
	Topic string
	// Message is a copy for the receiver of the dead letter, without the answer and the
	// context of the handler. Of one that is not readable it has what marshaler.Default
	// makes of it.
	Message *message.Message
	// Info is what the broker knows of it.
	Info Info
	// Err says why it is not readable, nil if it was delivered and not acked.
	Err error
}

// DeadLetterFunc takes a dead letter. It returns when the letter is safe, or ctx ends, which
// has the values of the context of the message's last delivery. It is called by many
// goroutines at once.
type DeadLetterFunc func(ctx context.Context, letter DeadLetter) error

// Metadata of messages that DeadLetterTo publishes, beside those of Watermill's poison
// queue.
const (
	MetadataDeliveries = "rocketmq_deliveries"
	MetadataGroup      = "rocketmq_group"

	// middleware.ReasonForPoisonedKey and PoisonedTopicKey of Watermill 1.5.1.
	reasonPoisoned = "reason_poisoned"
	topicPoisoned  = "topic_poisoned"
)

// DeadLetterTo publishes dead letters to a topic, with the metadata that Watermill's poison
// queue sets (reason_poisoned, topic_poisoned), MetadataDeliveries and MetadataGroup. pub
// is any Watermill Publisher, and not closed by the subscriber.
func DeadLetterTo(pub message.Publisher, topic string) DeadLetterFunc {
	return func(ctx context.Context, letter DeadLetter) error {
		msg := letter.Message
		metadata := maps.Clone(msg.Metadata)
		if metadata == nil {
			metadata = make(message.Metadata)
		}
		metadata[reasonPoisoned] = "nacked " + strconv.Itoa(letter.Info.Deliveries) + " times"
		if letter.Err != nil {
			metadata[reasonPoisoned] = letter.Err.Error()
		}
		metadata[topicPoisoned] = letter.Topic
		metadata[MetadataDeliveries] = strconv.Itoa(letter.Info.Deliveries)
		metadata[MetadataGroup] = letter.Info.Group
		msg.Metadata = metadata
		msg.SetContext(ctx)
		return pub.Publish(topic, msg)
	}
}

// letterContext has the end of one context and the values of another, whose end has come.
type letterContext struct {
	context.Context
	values context.Context
}

func newLetterContext(ctx, values context.Context) letterContext {
	return letterContext{ctx, context.WithoutCancel(values)}
}

// Value returns a value of either.
func (c letterContext) Value(of any) any {
	if v := c.values.Value(of); v != nil {
		return v
	}
	return c.Context.Value(of)
}

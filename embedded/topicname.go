package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// TopicNameError means that a call which takes RocketMQ's name of a topic was given
// another one, such as the name that a Publisher was given.
type TopicNameError struct {
	// Topic is the name that was asked for.
	Topic string
	// Mapped is RocketMQ's name of the Watermill topic of that name, by
	// marshaler.EscapeTopics. It is empty if there is none.
	Mapped string
}

// Error says which name is the right one.
func (e *TopicNameError) Error() string {
	if e.Mapped == "" {
		return fmt.Sprintf("embedded: %.256q is no name of a RocketMQ topic", e.Topic)
	}
	return fmt.Sprintf("embedded: there is no topic %.256q in RocketMQ: the Watermill topic of that name is %s there (see WatermillMessages)", e.Topic, e.Mapped)
}

// checkTopicName returns a *TopicNameError if no topic has the name, and either none
// can have it or there is one that it is mapped to.
func (c *Cluster) checkTopicName(name string) error {
	if c.hasTopic(name) {
		return nil
	}
	mapped, err := marshaler.EscapeTopics{}.MapTopic(name)
	switch impossible := names.Fault(name) != ""; {
	case err != nil && impossible:
		return &TopicNameError{Topic: name}
	case err != nil || mapped.Name == name:
		return nil // it may come yet
	case impossible || c.hasTopic(mapped.Name):
		return &TopicNameError{Topic: name, Mapped: mapped.Name}
	}
	return nil
}

func (c *Cluster) hasTopic(name string) bool {
	for _, b := range c.brokers {
		if b.hasTopic(name) {
			return true
		}
	}
	return false
}

package routing

import "fmt"

// SelectorError means that a Selector returned a queue that is not one of the
// route's. The attempt sent nothing, and no other is made.
type SelectorError struct {
	// Topic is RocketMQ's name of the topic.
	Topic string
	// MessageQueue is what the selector returned.
	MessageQueue MessageQueue
}

// Error names topic and queue.
func (e *SelectorError) Error() string {
	return fmt.Sprintf("queue selector returned queue %d of broker %q of topic %q for topic %q, which has no such queue: this attempt sent nothing",
		e.MessageQueue.QueueID, e.MessageQueue.BrokerName, e.MessageQueue.Topic, e.Topic)
}

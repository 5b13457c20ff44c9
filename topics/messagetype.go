package topics

// MessageType is the attribute message.type of a topic
// (org.apache.rocketmq.common.attribute.TopicMessageType, 5.5.0). RocketMQ Proxy
// holds messages to it; brokers themselves do not.
type MessageType string

// The message types.
const (
	Normal      MessageType = "NORMAL"
	FIFO        MessageType = "FIFO"
	Delay       MessageType = "DELAY"
	Transaction MessageType = "TRANSACTION"
	// Mixed needs brokers with enableMixedMessageType.
	Mixed MessageType = "MIXED"
)

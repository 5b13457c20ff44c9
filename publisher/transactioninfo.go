package publisher

// TransactionInfo names the message of a transaction.
type TransactionInfo struct {
	// Topic is the Watermill topic, UUID that of the Watermill message.
	Topic, UUID string
	// MessageID is the unique message id (UNIQ_KEY), by which a check knows the
	// transaction again: see CheckedMessage. RocketMQ's transaction id is the
	// same.
	MessageID string
	// BrokerName is the broker that has the half message.
	BrokerName string
}

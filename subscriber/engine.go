package subscriber

// Engine is how messages come from the brokers to the members of a group.
type Engine string

const (
	// Auto is POP if all brokers of the cluster are of version 5.3.0 or later, and else
	// Pull. It is decided with the first topic, for all topics of the Subscriber, and
	// logged. For groups with members of other clients choose what those do: Pull for Java's
	// DefaultMQPushConsumer and rocketmq-client-go.
	Auto Engine = ""
	// POP has brokers lease messages to members: any member gets any message, there is no
	// rebalance, a slow message does not hold up others, and members of one group may read
	// different topics. It needs 5.0.0; before 5.3.0 it may lose messages that were not
	// acked (apache/rocketmq issues 6339, 7724 and 7914).
	POP Engine = "pop"
	// Pull divides the queues of a topic among the members, as Java's DefaultMQPushConsumer
	// does, and keeps one offset for each: it is known to all versions and costs brokers
	// less. All members of a group have to read the same topics with the same Filters.
	Pull Engine = "pull"
)

package publisher

// AutoCreateConfig goes with every send: a broker with autoCreateTopicEnable
// makes an unknown topic after this model.
type AutoCreateConfig struct {
	// DefaultTopic is the topic whose settings are copied. TBW102 by default,
	// which every broker that may create topics has.
	DefaultTopic string
	// Queues is the number of queues of a new topic on each broker. 4 by
	// default, as in the Java client; brokers give at most what DefaultTopic
	// has, 8 unless configured.
	Queues int
}

package topics

// AutoCreate says how topics come to be that brokers create by themselves. It goes
// with every message: a broker with autoCreateTopicEnable makes a topic that it does
// not know after this model, on itself alone.
type AutoCreate struct {
	// DefaultTopic is the topic whose settings are copied. TBW102 by default,
	// which every broker that may create topics has.
	DefaultTopic string
	// Queues is the number of queues of a new topic on each broker. 4 by
	// default, as in the Java client; brokers give at most what DefaultTopic
	// has, 8 unless configured.
	Queues int
}

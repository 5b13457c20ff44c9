package check

// Aspect is what an item of a Report looks at.
type Aspect string

// The aspects, in the order of a report.
const (
	// NameServer: a name server answers.
	NameServer Aspect = "name server"
	// Brokers: brokers are registered at the name servers.
	Brokers Aspect = "registered brokers"
	// Topic: the topic exists on all name servers, or will be created.
	Topic Aspect = "topic"
	// WritePermission: the route lets producers write to the topic.
	WritePermission Aspect = "write permission"
	// ReadPermission: the route lets consumers read the topic.
	ReadPermission Aspect = "read permission"
	// Master: the topic's brokers have masters, which take messages and keep the progress
	// of consumers.
	Master Aspect = "master"
	// TraceTopic: the topic of publisher.Config.Trace exists, if that is enabled.
	TraceTopic Aspect = "trace topic"
	// Broker: a broker can be reached at the address that it advertises.
	Broker Aspect = "broker"
	// Heartbeat: a broker takes the client's heartbeat.
	Heartbeat Aspect = "heartbeat"
	// Credentials: a broker takes the client for whom it says it is.
	Credentials Aspect = "credentials"
	// Namespace: a broker knows Cluster.NamespaceV2, if that is set.
	Namespace Aspect = "namespace"
	// MessageType: a broker can create topics of topics.Config.MessageType, if
	// that is set.
	MessageType Aspect = "message type"
	// CreateTopics: the user may create topics, if topics.Config.Enabled is set
	// and a topic is missing.
	CreateTopics Aspect = "create topics"
	// TLS: connections are encrypted, and to whom they go is verified.
	TLS Aspect = "TLS"
	// Plaintext: a server that is used with TLS takes nothing else.
	Plaintext Aspect = "plain text"
	// AutoCreate: a broker does not create topics that are only misspelt.
	AutoCreate Aspect = "auto-create"
	// MessageSize: a broker takes messages of publisher.Config.MaxMessageSize.
	MessageSize Aspect = "message size"
	// Timer: whether a broker has timer messages.
	Timer Aspect = "timer messages"
	// Recall: whether a broker takes back timer messages.
	Recall Aspect = "recall"
	// ConsumerGroup: the group exists on a broker or is created by it, and may consume.
	ConsumerGroup Aspect = "consumer group"
	// Clock: the broker's clock goes with this machine's.
	Clock Aspect = "clock"
)

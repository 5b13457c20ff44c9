package headers

import "strings"

// Names of topics and groups that RocketMQ has for itself (TopicValidator and MixAll of 5.5.0).
const (
	// DefaultTopic is the topic whose queues and permission a broker copies when it
	// creates a topic by itself (AUTO_CREATE_TOPIC_KEY_TOPIC).
	DefaultTopic = "TBW102"
	// ScheduleTopic has the messages that wait by a delay level, TimerTopic those that
	// wait for a time.
	ScheduleTopic = "SCHEDULE_TOPIC_XXXX"
	TimerTopic    = "rmq_sys_wheel_timer"
	// HalfTopic has the half messages of transactions, HalfOpTopic the marks of those
	// that have ended, CheckMaxTimeTopic the messages that were checked too often.
	HalfTopic         = "RMQ_SYS_TRANS_HALF_TOPIC"
	HalfOpTopic       = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	CheckMaxTimeTopic = "TRANS_CHECK_MAX_TIME_TOPIC"
	// TraceTopic is where clients send their message traces by default.
	TraceTopic = "RMQ_SYS_TRACE_TOPIC"

	BenchmarkTopic   = "BenchmarkTest"
	SelfTestTopic    = "SELF_TEST_TOPIC"
	OffsetMovedTopic = "OFFSET_MOVED_EVENT"
	CheckpointTopic  = "CHECKPOINT_TOPIC"

	// SystemTopicPrefix begins the names of the other topics of brokers.
	SystemTopicPrefix = "rmq_sys_"
	// RetryTopicPrefix and DeadLetterTopicPrefix stand before the name of a consumer
	// group.
	RetryTopicPrefix      = "%RETRY%"
	DeadLetterTopicPrefix = "%DLQ%"
	// SystemGroupPrefix begins the names of RocketMQ's own groups. Clients take topics
	// that begin so for its own as well (NamespaceUtil.isSystemResource); brokers do
	// not.
	SystemGroupPrefix = "CID_RMQ_SYS_"
)

// ReplyTopic is the topic that replies to requests which are in a cluster are sent to
// (MixAll.getReplyTopic). Each broker of the cluster has it.
func ReplyTopic(cluster string) string { return cluster + "_REPLY_TOPIC" }

// IsSystemTopic reports whether a topic is one that RocketMQ has for itself, as
// TopicValidator.isSystemTopic of 5.5.0 does.
func IsSystemTopic(topic string) bool {
	switch topic {
	case DefaultTopic, ScheduleTopic, BenchmarkTopic, HalfTopic, TraceTopic, HalfOpTopic, CheckMaxTimeTopic,
		SelfTestTopic, OffsetMovedTopic, CheckpointTopic:
		return true
	}
	return strings.HasPrefix(topic, SystemTopicPrefix)
}

package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The names as TopicValidator and MixAll of 5.5.0 have them.
func TestSystemTopics(t *testing.T) {
	for _, topic := range []string{
		"TBW102", "SCHEDULE_TOPIC_XXXX", "BenchmarkTest", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRACE_TOPIC",
		"RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT", "CHECKPOINT_TOPIC",
		"rmq_sys_", "rmq_sys_wheel_timer",
	} {
		require.True(t, headers.IsSystemTopic(topic), topic)
	}
	for _, topic := range []string{"", "orders", "TBW102x", "rmq_sys", "RMQ_SYS_x", "%RETRY%group", "%DLQ%group"} {
		require.False(t, headers.IsSystemTopic(topic), topic)
	}
	require.Equal(t, []string{"TBW102", "rmq_sys_wheel_timer", "%RETRY%", "%DLQ%", "CID_RMQ_SYS_"},
		[]string{headers.DefaultTopic, headers.TimerTopic, headers.RetryTopicPrefix, headers.DeadLetterTopicPrefix, headers.SystemGroupPrefix})
}

package topicname_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
)

// The pairs are those of NamespaceUtilTest of 5.5.0, and what its source says of
// system resources.
func TestWrapNamespace(t *testing.T) {
	const ns = "MQ_INST_test"
	for _, tc := range []struct{ name, wrapped string }{
		{"TOPIC_test", "MQ_INST_test%TOPIC_test"},
		{"MQ_INST_test%TOPIC_test", "MQ_INST_test%TOPIC_test"},
		{"%RETRY%GID_test", "%RETRY%MQ_INST_test%GID_test"},
		{"%RETRY%MQ_INST_test%GID_test", "%RETRY%MQ_INST_test%GID_test"},
		{"%DLQ%GID_test", "%DLQ%MQ_INST_test%GID_test"},
		{"%DLQ%MQ_INST_test%GID_test", "%DLQ%MQ_INST_test%GID_test"},
		{"other%TOPIC_test", "MQ_INST_test%other%TOPIC_test"},
		{"MQ_INST_testing%x", "MQ_INST_test%MQ_INST_testing%x"},
		{"rmq_sys_topic", "rmq_sys_topic"},
		{"RMQ_SYS_TRACE_TOPIC", "RMQ_SYS_TRACE_TOPIC"},
		{"CID_RMQ_SYS_TRANS", "CID_RMQ_SYS_TRANS"},
		{"TBW102", "TBW102"},
		{"", ""},
	} {
		require.Equal(t, tc.wrapped, topicname.WrapNamespace(ns, tc.name))
		require.Equal(t, tc.name, topicname.WrapNamespace("", tc.name))
		require.Equal(t, tc.wrapped, topicname.WrapNamespace(ns, tc.wrapped), "wrapped once only")
		bare := strings.Replace(tc.name, ns+"%", "", 1)
		require.Equal(t, bare, topicname.UnwrapNamespace(ns, tc.wrapped))
		require.Equal(t, tc.wrapped, topicname.UnwrapNamespace("", tc.wrapped))
		require.Equal(t, tc.wrapped, topicname.UnwrapNamespace("another", tc.wrapped))
	}
	require.Equal(t, ns, topicname.UnwrapNamespace(ns, ns))
}

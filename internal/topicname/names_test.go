package topicname_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

func names(mapper marshaler.TopicMapper, namespace string) *topicname.Names {
	return topicname.New(topicname.InNamespace(mapper, namespace), namespace, nil)
}

// The way back leads to where the way there began, in and out of a namespace.
func TestNamesThereAndBack(t *testing.T) {
	for _, namespace := range []string{"", "MQ_INST_test"} {
		for mapper, topics := range map[marshaler.TopicMapper][]string{
			marshaler.EscapeTopics{}: {"orders", "orders.created", "_wm_x", "MQ_INST_test%orders", "Ünïcode", strings.Repeat("long.", 60)},
			marshaler.PlainTopics{}:  {"orders", "a%b"},
		} {
			n := names(mapper, namespace)
			for _, topic := range topics {
				mapped, err := n.Map(topic)
				require.NoError(t, err)
				require.NoError(t, marshaler.CheckTopicName(mapped.Name))
				if namespace != "" {
					require.True(t, strings.HasPrefix(mapped.Name, namespace+"%"), mapped.Name)
				}
				again, err := n.Map(topic)
				require.NoError(t, err)
				require.Equal(t, mapped, again)
				back, err := n.Unmap(mapped.Name, []headers.Property{mapped.Property})
				require.NoError(t, err)
				require.Equal(t, topic, back)
			}
		}
	}
}

// Topics of groups keep their prefix and lose the namespace.
func TestNamesOfGroups(t *testing.T) {
	n := names(marshaler.EscapeTopics{}, "ns")
	require.Equal(t, "ns%billing", n.Group("billing"))
	for _, tc := range []struct {
		topic, unmapped, rest string
		kind                  topicname.Kind
	}{
		{topicname.RetryTopic(n.Group("billing")), "%RETRY%billing", "ns%billing", topicname.Retry},
		{topicname.DeadLetterTopic(n.Group("billing")), "%DLQ%billing", "ns%billing", topicname.DeadLetter},
		{"%RETRY%ns%billing_ns%orders", "%RETRY%billing_ns%orders", "ns%billing_ns%orders", topicname.Retry},
		{"ns%orders", "orders", "", topicname.Ordinary},
	} {
		kind, rest := topicname.OfGroup(tc.topic)
		require.Equal(t, tc.kind, kind)
		require.Equal(t, tc.rest, rest)
		got, err := n.Unmap(tc.topic, nil)
		require.NoError(t, err)
		require.Equal(t, tc.unmapped, got)
	}
}

// fixed maps each topic to one name, and asks to be told how often it was asked.
type fixed struct {
	name  string
	asked *int
}

func (f fixed) MapTopic(string) (marshaler.MappedTopic, error) {
	*f.asked++
	return marshaler.MappedTopic{Name: f.name}, nil
}

func (fixed) UnmapTopic(topic string, _ []headers.Property) (string, error) { return topic, nil }

// What no broker takes, or would take for another's, is refused, and so is what comes from
// outside of the namespace.
func TestNamesRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		mapped, namespace string
		want              error
	}{
		"illegal":             {mapped: "a b", want: marshaler.ErrTopicIllegal},
		"system":              {mapped: "TBW102", want: marshaler.ErrTopicReserved},
		"leaves by its name":  {mapped: "CID_RMQ_SYS_x", namespace: "ns", want: marshaler.ErrTopicNotInNamespace},
		"wrapped already":     {mapped: "ns%orders", namespace: "ns", want: marshaler.ErrTopicNotInNamespace},
		"too long when it is": {mapped: strings.Repeat("x", 126), namespace: "ns", want: marshaler.ErrTopicTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := names(fixed{tc.mapped, new(int)}, tc.namespace).Map("any")
			var fault *marshaler.TopicError
			require.ErrorAs(t, err, &fault)
			require.ErrorIs(t, err, tc.want)
		})
	}
	_, err := names(marshaler.EscapeTopics{}, "ns").Unmap("other%orders", nil)
	require.ErrorIs(t, err, marshaler.ErrTopicNotInNamespace)
	_, err = names(marshaler.EscapeTopics{}, "").Map("")
	require.ErrorIs(t, err, marshaler.ErrTopicEmpty)
}

// A mapper of the user's own is asked each time: it may say something else the next time.
func TestOwnMapperIsAskedEachTime(t *testing.T) {
	asked := 0
	n := names(fixed{"orders", &asked}, "")
	for range 3 {
		mapped, err := n.Map("any")
		require.NoError(t, err)
		require.Equal(t, "orders", mapped.Name)
	}
	require.Equal(t, 3, asked)
}

package admin

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// ConsumeStatsRequest is what GET_CONSUME_STATS asks for (GetConsumeStatsRequestHeader of
// 5.5.0).
type ConsumeStatsRequest struct {
	Group string
	// Topics are those that are asked for, all that the group has offsets in if there are
	// none.
	Topics []string
	// Listed is set if they came as a list. Others count only if the group has subscribed to
	// them or has not subscribed to anything.
	Listed bool
}

// ParseConsumeStats reads the request.
func ParseConsumeStats(cmd *headers.Command) (ConsumeStatsRequest, error) {
	h, err := headers.ParseGroupRequest(cmd)
	out := ConsumeStatsRequest{Group: h.ConsumerGroup}
	out.Topics = strings.FieldsFunc(cmd.Fields.String("topicList"), func(r rune) bool { return r == ';' })
	out.Listed = len(out.Topics) > 0
	if topic := cmd.Fields.String("topic"); !out.Listed && strings.TrimSpace(topic) != "" {
		out.Topics = []string{topic}
	}
	return out, err
}

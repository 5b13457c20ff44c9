// Package admin is the bodies of answers to admin tools.
package admin

import (
	"fmt"
	"strconv"
)

// Progress is how far a group is in a queue (OffsetWrapper of 5.5.0).
type Progress struct {
	Topic string
	ID    int32
	// Next is the offset of the next message to come, Committed where the group goes on, and
	// Pulled behind the last message that it was given, all at least 0.
	Next, Committed, Pulled int64
	// LastStored is when the last message was stored that the group is done with, to a
	// millisecond, 0 if there is none.
	LastStored int64
}

// ConsumeStats writes ConsumeStats. The keys of its table are objects, as fastjson writes
// them. Before 5.0 it does not tell what was pulled.
func ConsumeStats(broker string, rate float64, queues []Progress, pulled bool) []byte {
	body := strconv.AppendFloat([]byte(`{"consumeTps":`), rate, 'f', -1, 64)
	body = append(body, `,"offsetTable":{`...)
	for i, q := range queues {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"brokerName":%q,"queueId":%d,"topic":%q}:{"brokerOffset":%d,"consumerOffset":%d,"lastTimestamp":%d`,
			broker, q.ID, q.Topic, q.Next, q.Committed, q.LastStored)
		if pulled {
			body = fmt.Appendf(body, `,"pullOffset":%d`, q.Pulled)
		}
		body = append(body, '}')
	}
	return append(body, "}}"...)
}

package routes

import (
	"fmt"
	"strconv"
)

// QueueStats are the numbers of a queue: the offset of its first message and that of the next
// one, and when the last was stored, in milliseconds since 1970.
type QueueStats struct {
	ID                      int32
	First, Next, LastStored int64
}

// TopicStats writes TopicStatsTable. The keys of its table are objects, as fastjson writes
// them. rate is how many messages come in a second, which is told of with rated.
func TopicStats(broker, topic string, queues []QueueStats, rate float64, rated bool) []byte {
	queue := fmt.Sprintf(`{"brokerName":%q,"queueId":`, broker)
	numbers := fmt.Sprintf(`,"topic":%q}:{"lastUpdateTimestamp":`, topic)
	body := []byte(`{"offsetTable":{`)
	for i, q := range queues {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, queue...)
		body = strconv.AppendInt(body, int64(q.ID), 10)
		body = append(body, numbers...)
		body = strconv.AppendInt(body, q.LastStored, 10)
		body = append(body, `,"maxOffset":`...)
		body = strconv.AppendInt(body, q.Next, 10)
		body = append(body, `,"minOffset":`...)
		body = append(strconv.AppendInt(body, q.First, 10), '}')
	}
	body = append(body, '}')
	if rated {
		body = strconv.AppendFloat(append(body, `,"topicPutTps":`...), rate, 'f', -1, 64)
	}
	return append(body, '}')
}

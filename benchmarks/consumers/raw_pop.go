package consumers

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// popPlaces is how many pops are outstanding: with more, they wait for each other's
	// queues in the broker.
	popPlaces = 4
	// invisible is so long that the messages, which nobody acknowledges, are not handed
	// out again before the broker is gone.
	invisible = time.Hour
)

// pops takes messages from any queue.
type pops struct{ header headers.PopMessage }

func newPops(task meter.Task, brokerName string) []place {
	var places []place
	for range popPlaces {
		places = append(places, &pops{headers.PopMessage{
			ConsumerGroup: task.Group, Topic: task.Topic, QueueID: -1, MaxMessages: batch,
			InvisibleMillis: invisible.Milliseconds(), InitMode: headers.PopFromMin,
			ExpressionType: "TAG", Expression: "*", BrokerName: brokerName,
		}})
	}
	return places
}

func (p *pops) request() headers.Request {
	p.header.BornTimestamp = time.Now().UnixMilli()
	return &p.header
}

func (p *pops) answer(c *headers.Command) (int, error) {
	switch headers.ResponseCode(c.Code) {
	case headers.NoMessage, headers.PullNotFound, headers.PollingTimeout, headers.PollingFull:
		return 0, nil // others had the queues locked, or have the last messages
	}
	if err := c.Err(); err != nil {
		return 0, err
	}
	result, err := headers.ParsePopResult(c)
	if err != nil {
		return 0, err
	}
	n := 0
	for i := range result.Queues {
		n += len(result.Queues[i].Offsets)
	}
	return n, nil
}

package consumers

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// pulls reads a queue from its first message to its last.
type pulls struct {
	header headers.PullMessage
	ended  bool
}

// newPulls makes a place for each queue.
func newPulls(task meter.Task, brokerName string) []place {
	var places []place
	for id := range task.Queues {
		places = append(places, &pulls{header: headers.PullMessage{
			ConsumerGroup: task.Group, Topic: task.Topic, QueueID: int32(id), MaxMessages: batch,
			SysFlag: headers.PullSubscription, Subscription: "*", BrokerName: brokerName,
		}})
	}
	return places
}

func (p *pulls) request() headers.Request {
	if p.ended {
		return nil
	}
	return &p.header
}

func (p *pulls) answer(c *headers.Command) (int, error) {
	switch headers.ResponseCode(c.Code) {
	case headers.PullNotFound:
		p.ended = true
		return 0, nil
	case headers.PullRetryImmediately:
		return 0, nil
	}
	if err := c.Err(); err != nil {
		return 0, err
	}
	result, err := headers.ParsePullResult(c)
	if err != nil {
		return 0, err
	}
	n := int(result.NextOffset - p.header.QueueOffset) // nothing is filtered
	p.header.QueueOffset = result.NextOffset
	return n, nil
}

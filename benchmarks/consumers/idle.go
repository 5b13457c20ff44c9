package consumers

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
)

// IdleCost is what subscriptions cost that have nothing to do.
type IdleCost struct {
	// First is the cost of a subscriber with its first subscription, Next that of each
	// further one.
	First idle.Cost `json:"first"`
	Next  idle.Cost `json:"next"`
}

// IdleTopic is the name of the topic that an idle subscription is to.
func IdleTopic(i int) string { return fmt.Sprintf("idle%d", i) }

// MeasureIdle subscribes to a topic that has no messages and then to further ones.
// Nothing else may run in this process.
func MeasureIdle(ctx context.Context, kind Kind, nameServer string, further int) (cost IdleCost, err error) {
	c, err := Open(kind, nameServer)
	if err != nil {
		return cost, err
	}
	o, ok := c.(idler)
	if !ok {
		return cost, fmt.Errorf("consumers: %s has no idle subscriptions", kind)
	}
	nothing := idle.InUse()
	s, err := o.open("idle-" + string(kind))
	if err != nil {
		return cost, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.Subscribe(ctx, IdleTopic(0)); err != nil {
		return cost, err
	}
	first := idle.InUse()
	for i := range further {
		if _, err := s.Subscribe(ctx, IdleTopic(1+i)); err != nil {
			return cost, err
		}
	}
	return IdleCost{First: first.Since(nothing, 1), Next: idle.InUse().Since(first, further)}, nil
}

// idler makes subscribers, which may have several subscriptions.
type idler interface {
	open(group string) (message.Subscriber, error)
}

package peers

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// patience is how long a client waits for an answer. The defaults are seconds, and what is
// sent again after them may be stored twice: on a machine that stands still now and then, more
// would be stored than was acknowledged. It is no part of what is measured.
const patience = time.Minute

// ours is the publisher of this project as a user gets it, but for how long it waits: no
// other field is set that need not be.
type ours struct{ publisher *publisher.Publisher }

func openOurs(nameServer string) (Peer, error) {
	p, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: []string{nameServer}}, SendTimeout: patience, AttemptTimeout: patience,
	}, nil)
	if err != nil {
		return nil, err
	}
	return &ours{p}, nil
}

func (o *ours) Run(ctx context.Context, task load.Task) (load.Sample, error) {
	return runCallers(ctx, task, func(task load.Task, body []byte) load.Send {
		messages := newMessages(task.PerCall, body)
		return func() (int, error) {
			err := o.publisher.Publish(task.Topic, messages...)
			if err == nil {
				return len(messages), nil
			}
			return confirmed(err), err
		}
	})
}

func (o *ours) Close() error { return o.publisher.Close() }

// confirmed is how many messages were stored in spite of the error.
func confirmed(err error) int {
	var failed *publisher.Error
	n := 0
	if errors.As(err, &failed) {
		for _, r := range failed.Results {
			if r.Err == nil {
				n++
			}
		}
	}
	return n
}

// newMessages makes the messages that a caller publishes over and over.
func newMessages(n int, body []byte) []*message.Message {
	var messages []*message.Message
	for range n {
		messages = append(messages, message.NewMessage(watermill.NewUUID(), body))
	}
	return messages
}

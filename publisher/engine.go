package publisher

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// newEngine returns the engine that sends the publisher's messages.
func (p *Publisher) newEngine() *dispatch.Engine {
	cfg := &p.cfg
	return dispatch.New(dispatch.Config{
		Sender:         &sender{p: p},
		Observer:       observer{p},
		MaxMessages:    cfg.Batch.MaxMessages,
		MaxBytes:       cfg.Batch.MaxBytes,
		Linger:         cfg.Batch.Linger,
		SendTimeout:    cfg.SendTimeout,
		AttemptTimeout: cfg.AttemptTimeout,
		Pause:          cfg.Backoff.pause,
		HurryAfter:     p.hurryAfter,
		SweepInterval:  cfg.Cluster.HeartbeatInterval,
		Avoidance:      dispatch.Avoidance(cfg.Avoidance),
		Selector:       cfg.Queues.Selector,
		Keys:           keys{&cfg.Queues},
	})
}

// keys says which queue an ordering key belongs to.
type keys struct{ cfg *QueuesConfig }

func (k keys) Queues(route *routing.Route) []routing.MessageQueue { return k.cfg.KeyHash.Queues(route) }

func (k keys) Queue(hash uint64, queues []routing.MessageQueue) routing.MessageQueue {
	return k.cfg.of(hash, queues)
}

package outbox

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// endsAtOnce bounds how many half messages of one broker are ended at the same
// time.
const endsAtOnce = 16

// ending is a half message that is to be ended, and how that went.
type ending struct {
	half *publisher.Transaction
	how  func(*publisher.Transaction, context.Context) error
	err  error
}

// run ends the half message. A request that was not sent is tried once more.
func (e *ending) run(ctx context.Context) {
	e.err = e.how(e.half, ctx)
	var failed *publisher.TransactionError
	if errors.As(e.err, &failed) && failed.Open && ctx.Err() == nil {
		e.err = e.how(e.half, ctx)
	}
}

// end ends half messages, all of them within one SendTimeout, and leaves to the
// check what has not ended by then. What was decided in the database is decided:
// the end of the Tx's context does not count any more.
func (t *Tx) end(endings []*ending) {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(t.ctx), t.pub.SendTimeout(), publisher.ErrSendTimeout)
	defer cancel()
	switch len(endings) {
	case 0:
	case 1:
		endings[0].run(ctx)
	default:
		endAll(ctx, endings)
	}
	for _, e := range endings {
		if e.err == nil {
			continue
		}
		e.half.Unknown()
		if t.box.cfg.OnPending != nil {
			t.box.cfg.OnPending(e.half.Info(), e.err)
		}
	}
}

// endAll ends half messages on goroutines that have ended when it returns. Each
// broker has its own, so that one that does not answer keeps none of the others
// waiting. A panic of user code, such as a credentials provider, goes on in the
// caller.
func endAll(ctx context.Context, endings []*ending) {
	byBroker := make(map[string][]*ending)
	for _, e := range endings {
		name := e.half.Info().BrokerName
		byBroker[name] = append(byBroker[name], e)
	}
	rows := slices.Collect(maps.Values(byBroker))
	panics := make(chan any, len(endings))
	fanout.Each(len(rows), len(rows), func(broker int) {
		row := rows[broker]
		fanout.Each(len(row), endsAtOnce, func(i int) {
			defer func() {
				if p := recover(); p != nil {
					panics <- p
				}
			}()
			row[i].run(ctx)
		})
	})
	select {
	case p := <-panics:
		panic(p)
	default:
	}
}

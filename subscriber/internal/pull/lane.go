package pull

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// ErrNoGroup means that only a group can have dead letters and retries.
var ErrNoGroup = errors.New("there is no consumer group")

// lane is the way of messages of a queue to one subscription, and the source that takes
// them back.
type lane struct {
	*delivery.Lane
	progress *progress
}

// laneTo returns the lane of the queue to a subscription. A retry queue outlives subscriptions:
// it forgets those that are closed.
func (p *progress) laneTo(f *Fetcher) *lane {
	l := p.lanes[f]
	if l == nil {
		maps.DeleteFunc(p.lanes, func(other *Fetcher, _ *lane) bool { return other.isClosed() })
		l = &lane{Lane: f.output.NewLane(), progress: p}
		p.lanes[f] = l
	}
	return l
}

// Ack has the offset of the message committed, once those before it are.
func (l *lane) Ack(m *delivery.Message) { l.progress.ack(m.Stored.QueueOffset) }

// Nack has the broker make a copy of the message in the retry topic of the group. A
// reader without a group waits out the pause.
func (l *lane) Nack(m *delivery.Message, pause time.Duration) {
	r := l.progress.reader
	if r.engine.isBroadcast() {
		l.progress.releaseIn(pause, m.Stored.QueueOffset)
		return
	}
	r.returns.add(l.progress, m, delayLevel(pause), pause)
}

// Release gives back a message whose subscription ends, or whose queue is left. A queue of a
// retry topic goes on without a subscription: then the message is read once more for the
// others.
func (l *lane) Release(m *delivery.Message) {
	l.progress.release(m.Stored.QueueOffset, l.progress.reader.fetcher == nil)
}

// Renew is not called: messages that are pulled have no lease.
func (l *lane) Renew(m *delivery.Message) { m.Renewed(nil, time.Time{}, nil) }

// DeadLetter has the broker make a copy of the message in the dead letter topic of the
// group.
func (l *lane) DeadLetter(ctx context.Context, m *delivery.Message) error {
	r := l.progress.reader
	if r.engine.isBroadcast() {
		return ErrNoGroup
	}
	return r.engine.sendBack(ctx, r.queue, m, toDeadLetters)
}

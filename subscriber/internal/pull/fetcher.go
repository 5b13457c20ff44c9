package pull

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Fetcher is one subscription to a topic. It implements engine.Fetcher.
type Fetcher struct {
	engine *Engine
	topic  engine.Topic
	filter headers.SubscriptionData
	output *delivery.Output
	// begun are the queues that the topic had when the subscription began.
	begun map[routing.MessageQueue]bool
	// positions are those that nobody else remembers, without a group.
	positions positions

	// stopped is guarded by Engine.mu: no reader is started any more.
	stopped bool

	mu     sync.Mutex // guards what follows
	isShut bool       // nothing may be put into the lanes from retry topics
	inside int        // those who are about to
	empty  chan struct{}
	closed bool // and its output is drained
}

func (f *Fetcher) hasBegunWith(q routing.MessageQueue) bool { return f.begun[q] }

// isOpen reports whether the subscription has not begun to end.
func (f *Fetcher) isOpen() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.isShut && !f.output.Stopped()
}

// enter lets a message be put into a lane from a retry topic, until leave. It reports
// false if that may not be any more: a lane that is stopped would only give it back.
func (f *Fetcher) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isShut || f.output.Stopped() {
		return false
	}
	f.inside++
	return true
}

func (f *Fetcher) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.inside--; f.inside == 0 && f.empty != nil {
		close(f.empty)
		f.empty = nil
	}
}

func (f *Fetcher) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// shut lets nobody enter any more.
func (f *Fetcher) shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isShut = true
}

// awaitEmpty waits until nobody is inside. They do not take long.
func (f *Fetcher) awaitEmpty() {
	f.mu.Lock()
	if f.inside == 0 {
		f.mu.Unlock()
		return
	}
	if f.empty == nil {
		f.empty = make(chan struct{})
	}
	empty := f.empty
	f.mu.Unlock()
	<-empty
}

// Stop ends the fetching.
func (f *Fetcher) Stop(ctx context.Context) {
	f.shut()
	e := f.engine
	e.mu.Lock()
	f.stopped = true
	readers := e.readersOf(f)
	e.mu.Unlock()
	for _, r := range readers {
		r.stop()
	}
	for _, r := range readers {
		select {
		case <-r.quiet:
		case <-ctx.Done():
			return
		}
	}
	f.awaitEmpty()
}

// Hasten does nothing: queues have no leases.
func (f *Fetcher) Hasten() {}

// Close commits what was acked, and gives up the queues. With the last subscription the
// member leaves the group, so that others have its queues at once.
func (f *Fetcher) Close(ctx context.Context) error {
	f.Stop(ctx)
	e := f.engine
	e.mu.Lock()
	if !slices.Contains(e.fetchers, f) {
		e.mu.Unlock()
		return nil // it is closed
	}
	readers := e.drop(f)
	e.mu.Unlock()
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	err := e.closeReaders(ctx, readers)
	if e.isBroadcast() {
		return err
	}
	select {
	case e.joining <- struct{}{}:
		return errors.Join(err, e.retreat(ctx))
	case <-ctx.Done():
	}
	e.spawn(func() { // a Subscribe takes long; a member that leaves the session says goodbye itself
		select {
		case e.joining <- struct{}{}:
			ctx, cancel := context.WithTimeout(e.ctx, goodbyeTime)
			defer cancel()
			if err := e.retreat(ctx); err != nil {
				e.logs.groupFailed("Cannot take a subscription out of the heartbeats", f.topic.Name, err)
			}
		case <-e.ctx.Done():
		}
	})
	return err
}

// retreat has brokers know that a subscription is no more. The caller has put the token into
// joining, which retreat takes back.
func (e *Engine) retreat(ctx context.Context) error {
	defer func() { <-e.joining }()
	e.mu.Lock()
	last := len(e.fetchers) == 0
	e.mu.Unlock()
	if last {
		e.leave(ctx)
		return nil
	}
	signal(e.kick) // other subscriptions to the topic have its queues now
	return e.say()
}

// Queues are the queues that the subscription reads now.
func (f *Fetcher) Queues() []routing.MessageQueue {
	f.engine.mu.Lock()
	defer f.engine.mu.Unlock()
	return queuesOf(f.engine.readersOf(f))
}

// Unconfirmed is how many acks are not in an offset that was committed: those since the
// last commit, and those behind a message that is not acked.
func (f *Fetcher) Unconfirmed() int {
	if f.engine.isBroadcast() {
		return 0
	}
	f.engine.mu.Lock()
	readers := f.engine.readersOf(f)
	f.engine.mu.Unlock()
	n := 0
	for _, r := range readers {
		if p := r.current(); p != nil {
			n += p.uncommitted()
		}
	}
	return n
}

package pull

import (
	"context"
	"errors"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// begin finds out where to begin, and tries until it knows. It returns nil if ctx ends. A
// queue whose lock was lost, as that of a broker which is away, goes on where it was, also if
// the broker knows less: nobody wants to have that again.
func (r *reader) begin(ctx context.Context) *progress {
	if offset, ok := r.takeTarget(); ok {
		return r.beginAt(offset, false)
	}
	if !r.awaitHandover(ctx) {
		return nil
	}
	var pause backoff
	for {
		offset, committed, err := r.firstOffset(ctx)
		if err == nil && r.reached > offset {
			return r.beginAt(r.reached, false)
		}
		if err == nil {
			return r.beginAt(offset, committed)
		}
		if ctx.Err() != nil {
			return nil
		}
		r.engine.logs.failed("Cannot find out where to read a queue from, trying again", err, r.queue)
		r.engine.refresh(r.queue.Topic)
		if !pause.wait(ctx) {
			return nil
		}
	}
}

// awaitHandover gives the member that has had the queue until now the time to commit. It
// reports false if ctx has ended.
func (r *reader) awaitHandover(ctx context.Context) bool {
	previous := r.previous
	r.previous = ""
	if previous == "" || r.lock != nil { // a lock is not there before
		return ctx.Err() == nil
	}
	if !sleep(ctx, handoverPause) {
		return false
	}
	if r.engine.mayBeJava(previous) {
		return sleep(ctx, handoverPauseJava-handoverPause)
	}
	return true
}

func (r *reader) takeTarget() (offset int64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target == nil {
		return 0, false
	}
	offset, r.target = *r.target, nil
	return offset, true
}

func (r *reader) beginAt(offset int64, committed bool) *progress {
	p := newProgress(r, offset, committed)
	r.mu.Lock()
	r.progress = p
	r.mu.Unlock()
	return p
}

// firstOffset is where the group is, or where it begins. Without a group it is where the
// subscription was when the queue left the route, or what Subscribe has found. A queue that
// came to the topic later is read from its first message: all of them came after the group
// did. The same goes for retry topics.
func (r *reader) firstOffset(ctx context.Context) (offset int64, committed bool, err error) {
	e, master := r.engine, true
	if !e.isBroadcast() {
		offset, committed, master, err = e.committed(ctx, r.queue)
		if err != nil || committed {
			return offset, committed, err
		}
	} else if offset, ok := r.fetcher.positions.of(r.queue); ok {
		return offset, false, nil
	}
	if r.fetcher == nil || !r.fetcher.hasBegunWith(r.queue) {
		return 0, false, nil
	}
	from := r.fetcher.topic.From
	if !master && from.Position == engine.Latest {
		return 0, false, errOnlySlave
	}
	offset, err = e.resolve(ctx, r.queue, from)
	return offset, false, err
}

// errOnlySlave is why it is not known where a group is that began at the end of the queue. To
// begin there once more would pass over what it has not consumed.
var errOnlySlave = errors.New("a slave does not know the offset of the group, and the master is away")

// resolve returns the offset of a position. Earliest is 0, for which the broker says where
// the first message is.
func (e *Engine) resolve(ctx context.Context, q routing.MessageQueue, from engine.From) (int64, error) {
	switch from.Position {
	case engine.Latest:
		return e.endOf(ctx, q)
	case engine.FromTime:
		return e.offsetAt(ctx, q, from.Time)
	default:
		return 0, nil
	}
}

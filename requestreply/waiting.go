package requestreply

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// waiting is a request whose reply is waited for.
type waiting struct {
	// id is the correlation id: 130 random bits, which nobody can guess.
	id     string
	ctx    context.Context // ends with the request's time
	cancel context.CancelFunc
	reply  chan *pushed          // one slot, and one reply: see waitingTable.take
	sent   chan publisher.Result // one slot: what became of the request's message
	// replied is for the goroutine of Request alone.
	replied bool
	// left says that nobody waits any more, told that sent has its result, or never will
	// have one: whoever notes the second of the two ends ctx.
	left, told atomic.Bool
}

func newWaiting(ctx context.Context, limit time.Duration) *waiting {
	w := &waiting{id: rand.Text(), reply: make(chan *pushed, 1), sent: make(chan publisher.Result, 1)}
	w.ctx, w.cancel = context.WithTimeoutCause(ctx, limit, ErrTimeout)
	return w
}

// leave is told that nobody waits any more. A request that has its reply before its message
// is known to be stored leaves that to be found out: it would be a failure to hooks and
// metrics.
func (w *waiting) leave() {
	w.left.Store(true)
	if !w.replied || w.told.Load() {
		w.cancel()
	}
}

// giveUp is the end of a request without a reply, unless that has just come. The reason is
// told with what has kept the request from being sent, if anything has.
func (w *waiting) giveUp(outcome publisher.Outcome, sendErr, reason error) (*pushed, publisher.Outcome, error) {
	select {
	case p := <-w.reply:
		w.replied = true
		return p, outcome, nil
	default:
	}
	select {
	case result := <-w.sent:
		outcome, sendErr = result.Outcome, result.Err
	default:
	}
	if sendErr != nil {
		reason = fmt.Errorf("%w; sending: %w", reason, sendErr)
	}
	return nil, outcome, reason
}

// endOf is why a context has ended.
func endOf(ctx context.Context) error { return ctxerr.Of(ctx) }

// key is what a request is the value of, in the context of its message.
type key struct{}

// withWaiting is the context of the request's message.
func withWaiting(w *waiting) context.Context { return context.WithValue(w.ctx, key{}, w) }

func waitingFrom(ctx context.Context) *waiting {
	w, _ := ctx.Value(key{}).(*waiting)
	return w
}

// sent is publisher.Hooks.PublishEnd.
func sent(ctx context.Context, result publisher.Result) {
	w := waitingFrom(ctx)
	if w == nil {
		return
	}
	select {
	case w.sent <- result:
	default: // it is told once
	}
	w.told.Store(true)
	if w.left.Load() {
		w.cancel()
	}
}

// waitingTable has the requests that wait, by their ids. The zero value is ready.
type waitingTable struct {
	mu   sync.Mutex
	byID map[string]*waiting
}

func (t *waitingTable) add(w *waiting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = make(map[string]*waiting)
	}
	t.byID[w.id] = w
}

func (t *waitingTable) has(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id] != nil
}

// take takes a request out, nil if it is not there: it has a reply, or has ended.
func (t *waitingTable) take(id string) *waiting {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.byID[id]
	delete(t.byID, id)
	return w
}

package transport

import (
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// call is one request on its way. It is in its connection's pending table until
// somebody takes it out; that one, and nobody else, answers it.
type call struct {
	user   *user // whose call it is
	opaque int32
	oneway bool
	// taken is when somebody took the frame to write it, set under the connection's lock:
	// from then on the peer may see it. It is zero while the frame is queued.
	taken time.Time
	// early says that answer came before the write of the request was over.
	early bool
	// done has room for the one answer, so that answering never blocks.
	done   chan struct{}
	answer headers.Command
	err    error
}

// finish wakes the caller. answer and err have been filled in, and the call is
// no longer in the pending table.
func (c *call) finish() { c.done <- struct{}{} }

// callPool keeps calls, and so their channels, for the next request.
type callPool struct{ pool sync.Pool }

func (p *callPool) get() *call {
	if c, ok := p.pool.Get().(*call); ok {
		return c
	}
	return &call{done: make(chan struct{}, 1)}
}

// put takes back a call that nobody else can reach: its answer has been
// received, or it was taken out of the table unanswered.
func (p *callPool) put(c *call) {
	*c = call{done: c.done}
	p.pool.Put(c)
}

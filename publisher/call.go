package publisher

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// maxPooledEntries and maxPooledData bound what a call that is kept for reuse
// keeps with it: entries, and bytes of each.
const (
	maxPooledEntries = 64
	maxPooledData    = 16 << 10
)

// call is one Publish: its messages and the goroutine that waits for them, or the
// delivery that tells of their results.
type call struct {
	manner  manner
	async   asyncCall
	entries []entry
	results []Result
	// lanes that the entries were put in, and what they started.
	lanes  []*lane
	starts []start
	// contexts says that each message has a context of its own, which may still
	// refer to the call when it is over.
	contexts bool
	outbox   *outbox // that it is watched by
	// began is when the time of its messages began, until when that of the last
	// of them will be over.
	began, until time.Time

	// before and after are its neighbours in the outbox's watch.
	before, after *call
	watching      bool
	since         time.Time // when it began to wait

	// left counts the entries without a final result, and failed says that one
	// of the others has an error. These are guarded by the outbox's mutex.
	left   int
	failed bool
	// done has room for the one token that says that left is 0.
	done chan struct{}
	// crowd is told when the caller has taken the token, if anybody waits for
	// that. It is set before the token is put there.
	crowd *crowd
}

// await takes the token: every entry has its final result.
func (c *call) await() {
	<-c.done
	c.awake()
}

// awake is told that the token has been taken.
func (c *call) awake() {
	if c.crowd != nil {
		c.crowd.leave()
		c.crowd = nil
	}
}

// callPool keeps calls, and what they have grown to, for the next Publish. The
// zero value is ready.
type callPool struct{ pool sync.Pool }

// get returns a call for messages, in which each result has its UUID.
func (p *callPool) get(messages []*message.Message, now time.Time) *call {
	c, ok := p.pool.Get().(*call)
	if !ok {
		c = &call{done: make(chan struct{}, 1)}
	}
	n := len(messages)
	c.entries, c.results = slices.Grow(c.entries, n)[:n], slices.Grow(c.results, n)[:n]
	c.began, c.left, c.failed = now, n, false
	for i, msg := range messages {
		e := &c.entries[i]
		*e = entry{data: e.data, list: e.list, call: c, result: &c.results[i]}
		c.results[i].Began = now
		if msg != nil {
			c.results[i].UUID = msg.UUID
		}
	}
	return c
}

// put takes back a call that is over, unless something may still refer to it. One
// that has failed must not be put back: a batch may have its entries, and its
// caller has its results.
func (p *callPool) put(c *call) {
	if c.contexts || len(c.entries) > maxPooledEntries {
		return
	}
	for i := range c.entries {
		e := &c.entries[i]
		*e = entry{data: e.data, list: e.list}
		if cap(e.data) > maxPooledData {
			e.data = nil
		}
	}
	c.async, c.manner = asyncCall{}, manner{}
	clear(c.results)
	clear(c.lanes)
	clear(c.starts)
	c.entries, c.results = c.entries[:0], c.results[:0]
	c.lanes, c.starts = c.lanes[:0], c.starts[:0]
	p.pool.Put(c)
}

// cutEnded looks for a message whose context has ended already. It and those
// behind it are not sent. What is left is the number of those before it.
func (c *call) cutEnded(messages []*message.Message) (live int) {
	for i, msg := range messages {
		if err := contextError(msg.Context()); err != nil {
			refuse(c.results[i:], 0, err)
			c.entries, c.left = c.entries[:i], i
			return i
		}
	}
	return len(messages)
}

// fillIDs writes the ids of the messages into their results. They are strings
// that most callers never look at. It also writes how long those took that never
// got as far as an outbox.
func (c *call) fillIDs(now time.Time) {
	entries := c.entries[:cap(c.entries)]
	for i := range c.results {
		e := &entries[i]
		if e.id != (messageID{}) {
			c.results[i].MessageID = e.id.String()
		}
		c.results[i].OffsetMessageID = e.place.offsetID()
		if e.state != entryDone {
			c.results[i].Took = now.Sub(c.began)
		}
	}
}

// sharedContext returns the context of all messages if they have the same one,
// which includes those that cannot end.
func sharedContext(messages []*message.Message) (context.Context, bool) {
	shared := messages[0].Context()
	for _, msg := range messages[1:] {
		if msg.Context().Done() != shared.Done() {
			return nil, false
		}
	}
	return shared, true
}

// lastDeadline is when the last of the messages runs out of time, which is at limit
// at the latest.
func lastDeadline(messages []*message.Message, limit time.Time) time.Time {
	var last time.Time
	for _, msg := range messages {
		own, ok := msg.Context().Deadline()
		if !ok || !own.Before(limit) {
			return limit
		}
		if own.After(last) {
			last = own
		}
	}
	return last
}

// wait returns when every entry has its final result. The outbox's watch ends
// those whose time is over.
func (c *call) wait(o *outbox, messages []*message.Message) {
	ctx, shared := sharedContext(messages)
	if !shared {
		for i, msg := range messages {
			own := msg.Context()
			stop := context.AfterFunc(own, func() { o.end(c, i, i+1, contextError(own)) })
			defer stop()
		}
		ctx = context.Background()
	}
	if ctx.Done() == nil {
		c.await()
		return
	}
	select {
	case <-c.done:
		c.awake()
	case <-ctx.Done():
		o.end(c, 0, len(c.entries), contextError(ctx))
		c.await()
	}
}

package dispatch

import (
	"context"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/chain"
)

// Call is the messages that were handed over together and what waits for them: the
// goroutine in Deliver or, if it is Async, its Owner. The first fields are set by who
// hands it over; the rest is guarded by the mutex of the accumulator that has it. A Call
// may be used again when all of its messages were stored and Reusable says so.
type Call struct {
	Owner Owner
	// Shared is the context of all messages; nil if they have different ones, which the
	// Owner tells then.
	Shared context.Context
	// Began is when the time of its messages began, Until when that of the last of them
	// will be over, by its context or Config.SendTimeout.
	Began, Until Moment
	// Oneway asks for no answer, Async has nobody wait, and Reports wants a report of
	// messages that were stored as well.
	Oneway, Async, Reports bool

	// failed says that a message has an error, withdrawn that for this reason all that
	// waited has been taken back, canceled that messages have ended since their context
	// was cancelled.
	failed, withdrawn, canceled bool
	// left counts the messages without a final result, sending those of several that
	// are in batches.
	left, sending int
	acc           *accumulator
	number        uint64 // counts the calls that the accumulator was given
	messages      []Message
	link          chain.Link[Call] // of the accumulator's watch list
	since         Moment           // when it began to wait
	// group is told when the caller has taken the token, if anybody waits for that. It
	// is set before the token is put there.
	group *regroup
	// done has room for the one token that says that left is 0.
	done    chan struct{}
	reports []Report
	stored  Stored        // that the report of a call's only message refers to
	stops   []func() bool // end the watch of the contexts of an Async call
}

// Owner is what a call belongs to.
type Owner interface {
	// Context returns that of a message, of a call whose messages have different ones.
	Context(index int) context.Context
	// Settled is called once, when every message of an Async call has its result. It
	// must not block.
	Settled()
}

// Begin makes a call that is new or cleared one of n messages, and returns them to be
// filled in.
func (c *Call) Begin(owner Owner, n int) []Message {
	if c.done == nil {
		c.done = make(chan struct{}, 1)
	}
	c.Owner, c.left, c.messages = owner, n, slices.Grow(c.messages, n)[:n]
	c.link.Member = c
	for i := range c.messages {
		m := &c.messages[i]
		m.index, m.call, m.several = int32(i), c, n > 1
	}
	return c.messages
}

// Cut leaves only the first n messages in the call, which has not been handed over yet.
func (c *Call) Cut(n int) { c.messages, c.left = c.messages[:n], n }

// Messages returns the messages of the call.
func (c *Call) Messages() []Message { return c.messages }

// Clear drops what the call refers to, and keeps its memory for the next use.
func (c *Call) Clear() {
	clear(c.messages)
	if len(c.reports) > 0 {
		clear(c.reports)
		c.stored = Stored{}
	}
	c.messages, c.reports = c.messages[:0], c.reports[:0]
	c.Owner, c.Shared, c.acc, c.group, c.stops = nil, nil, nil, nil, nil
	c.Oneway, c.Async, c.Reports = false, false, false
	c.failed, c.withdrawn, c.canceled = false, false, false
}

// Failed reports whether a message of the call, which is over, has an error.
func (c *Call) Failed() bool { return c.failed }

// Report returns what became of a message of a call that is over; nil if it was stored
// and nobody had asked for more.
func (c *Call) Report(index int) *Report { return c.messages[index].report }

// reportOf returns the report of a message, which is empty. The accumulator's mutex is
// held.
func (c *Call) reportOf(index int) *Report {
	if len(c.reports) == 0 {
		n := len(c.messages)
		c.reports = slices.Grow(c.reports, n)[:n]
	}
	return &c.reports[index]
}

// finished counts out one message. It returns the call if that was the last.
func (c *Call) finished() *Call {
	if c.left--; c.left > 0 {
		return nil
	}
	if c.link.In() {
		c.acc.expiry.remove(c)
	}
	return c
}

// await takes the token: every message has its final result.
func (c *Call) await() {
	<-c.done
	c.awake()
}

// awake is told that the token has been taken.
func (c *Call) awake() {
	if c.group != nil {
		c.group.leave()
		c.group = nil
	}
}

// wait returns when every message has its final result. The accumulator ends those
// whose time is over.
func (c *Call) wait(acc *accumulator) {
	ctx := c.Shared
	if ctx == nil {
		for i := range c.messages {
			own := c.Owner.Context(i)
			stop := context.AfterFunc(own, func() { acc.end(c, i, i+1, ctxerr.Of(own)) })
			defer stop()
		}
		c.await()
		return
	}
	if ctx.Done() == nil {
		c.await()
		return
	}
	select {
	case <-c.done:
		c.awake()
	case <-ctx.Done():
		acc.end(c, 0, len(c.messages), ctxerr.Of(ctx))
		c.await()
	}
}

// watchContexts ends messages of an Async call when their contexts end.
func (c *Call) watchContexts(acc *accumulator) {
	if c.Shared != nil {
		ctx := c.Shared
		c.keepStops(acc, context.AfterFunc(ctx, func() { acc.end(c, 0, len(c.messages), ctxerr.Of(ctx)) }))
		return
	}
	stops := make([]func() bool, 0, len(c.messages))
	for i := range c.messages {
		own := c.Owner.Context(i)
		if own.Done() != nil {
			stops = append(stops, context.AfterFunc(own, func() { acc.end(c, i, i+1, ctxerr.Of(own)) }))
		}
	}
	c.keepStops(acc, stops...)
}

// keepStops leaves the watch of contexts to be ended with the call, or ends it if the
// call is over.
func (c *Call) keepStops(acc *accumulator, stops ...func() bool) {
	acc.mu.Lock()
	over := c.left == 0
	if !over {
		c.stops = stops
	}
	acc.mu.Unlock()
	if over {
		stopAll(stops)
	}
}

// Unwatch ends the watch of the contexts of an Async call that is over.
func (c *Call) Unwatch() {
	if c.acc == nil {
		return
	}
	c.acc.mu.Lock()
	stops := c.stops
	c.stops = nil
	c.acc.mu.Unlock()
	stopAll(stops)
}

func stopAll(stops []func() bool) {
	for _, stop := range stops {
		stop()
	}
}

// Reusable reports whether nothing refers to the call any more, which is over. A batch
// may still have messages of one that has failed, and contexts refer to the messages
// that have them of their own.
func (c *Call) Reusable() bool {
	return !c.failed && c.Shared != nil && (!c.Async || c.Shared.Done() == nil)
}

package publisher

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/messageid"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/failed"
)

// maxPooledMessages and maxPooledBuffer bound what a call that is kept for reuse keeps
// with it: messages, and bytes.
const (
	maxPooledMessages = 64
	maxPooledBuffer   = 128 << 10
)

// call is one Publish: what the engine needs of its messages, and what else is known of
// them. The engine's part is read again only when it has said that the call is over.
type call struct {
	dispatch.Call
	p     *Publisher
	topic string // Watermill's name
	mode  mode
	began time.Time
	// stamped is the time that its messages bear: that of the start, or of when there was
	// room for it.
	stamped time.Time
	// given are the messages as the caller gave them. They are the caller's again when
	// a call that nobody waits in has been handed over.
	given    []*message.Message
	messages []prepared
	// buf has the messages one after the other, each as it stands in a batch.
	buf []byte
	// list is where the properties of a message are put on their way into buf.
	list []headers.Property
	// refusal says which messages do not get as far as the engine, and why.
	refusal refusal
	async   asyncCall
	// observed is what hooks know of the messages; empty if none asks.
	observed []observed
}

// prepared is what is known of a message beside what the engine knows.
type prepared struct {
	uuid string
	// id is there as soon as the message has one.
	id      messageid.ID
	sysFlag int32
	// reconsumed and maxReconsumes are for %RETRY% topics only.
	reconsumed, maxReconsumes int32
	delay                     *delay // nil for a message that is not delayed
}

// refusal is why the messages of a call from the one at from on are not sent. The one at
// at is to blame; the others have failed with it.
type refusal struct {
	err      error // nil if all are sent
	from, at int
}

// refuse makes err the reason why no message is sent: that of the one at at.
func (c *call) refuse(at int, err error) { c.refusal = refusal{err: err, at: at} }

// Context is for the engine.
func (c *call) Context(index int) context.Context {
	if ctx := c.async.contexts.At(index); ctx != nil {
		return ctx
	}
	return c.given[index].Context()
}

// Settled is called by the engine when an asynchronous call is over.
func (c *call) Settled() { c.p.delivery.Add(c) }

// failed reports whether a message of the call, which is over, has an error.
func (c *call) failed() bool { return c.refusal.err != nil || c.Call.Failed() }

// callPool keeps calls, and what they have grown to, for the next Publish. The
// zero value is ready.
type callPool struct{ pool sync.Pool }

// get returns a call for messages.
func (p *callPool) get(owner *Publisher, topic string, messages []*message.Message, how mode) *call {
	c, ok := p.pool.Get().(*call)
	if !ok {
		c = new(call)
	}
	c.p, c.topic, c.mode, c.given, c.began = owner, topic, how, messages, time.Now()
	c.Began = owner.engine.Moment(c.began)
	c.Oneway = how.oneway
	c.Reports = owner.cfg.OnResult != nil || owner.hooks.PublishEnd != nil || how.transaction || owner.logsMessages()
	c.messages = slices.Grow(c.messages, len(messages))[:len(messages)]
	for i, msg := range messages {
		if msg != nil {
			c.messages[i].uuid = msg.UUID
		}
	}
	if owner.hooks.aboutMessages() {
		c.observe(messages)
	}
	return c
}

// put takes back a call that is over, unless something may still refer to it.
func (p *callPool) put(c *call) {
	if c.refusal.err != nil || !c.Reusable() || len(c.messages) > maxPooledMessages {
		return
	}
	clear(c.messages)
	clear(c.observed)
	c.observed = c.observed[:0]
	c.Call.Clear()
	c.messages, c.buf = c.messages[:0], c.buf[:0]
	c.p, c.topic, c.given, c.async = nil, "", nil, asyncCall{}
	if cap(c.buf) > maxPooledBuffer {
		c.buf = nil
	}
	p.pool.Put(c)
}

// cutEnded looks for a message whose context has ended already. It and those
// behind it are not sent. What is left is the number of those before it.
func (c *call) cutEnded(messages []*message.Message) (live int) {
	at, err := failed.Ended(messages)
	if err == nil {
		return len(messages)
	}
	c.refusal = refusal{err: err, from: at, at: at}
	c.Cut(at)
	c.Reports = true // who gets the error is told of the others as well
	return at
}

// readContexts notes the context of the messages, if it is the same for all, which
// includes those that cannot end, and when the last of them runs out of time.
func (c *call) readContexts(messages []*message.Message) {
	c.given = messages
	limit := c.p.engine.Limit(c.Began)
	first := c.Context(0)
	c.Shared, c.Until = first, c.untilOf(first, limit)
	for i := range messages[1:] {
		if ctx := c.Context(i + 1); ctx.Done() != first.Done() { // contexts need not be comparable
			c.Shared = nil
			c.Until = max(c.Until, c.untilOf(ctx, limit))
		}
	}
}

// untilOf returns when a message with that context runs out of time, which is at limit
// at the latest.
func (c *call) untilOf(ctx context.Context, limit dispatch.Moment) dispatch.Moment {
	if end, ok := ctx.Deadline(); ok {
		return min(limit, c.p.engine.Moment(end))
	}
	return limit
}

// part returns the parts of a message that has been prepared.
func part(m *dispatch.Message) body.BatchMessage { return body.SplitBatchMessage(m.Data) }

// ownerOf returns the call that a message is of, and what that knows of the message.
func ownerOf(m *dispatch.Message) (*call, *prepared) {
	c := m.Call().Owner.(*call)
	return c, &c.messages[m.Index()]
}

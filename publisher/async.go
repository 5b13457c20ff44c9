package publisher

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"
)

var (
	// ErrNoOnResult means that PublishAsync was called on a Publisher without
	// Config.OnResult: the results would have had nowhere to go.
	ErrNoOnResult = errors.New("PublishAsync needs Config.OnResult, which is told of the results")
	// ErrWaitingFull means that PublishAsync found Config.Waiting reached. Flush
	// waits for room, as does Publish.
	ErrWaitingFull = errors.New("too many messages wait to be published (Config.Waiting)")
)

// asyncCall is what a call has that nobody waits in. It is zero in others.
type asyncCall struct {
	delivery   *delivery
	generation *generation
	need       WaitingConfig // that it holds at the gate
	// stops end the watch of its messages' contexts. Guarded by the outbox's
	// mutex.
	stops []func() bool
}

// PublishAsync hands the messages over to be published and returns at once. What
// becomes of each is told to Config.OnResult, which must be set, with the same
// Result as for Publish, on a goroutine of the publisher; Flush waits until all
// has been told.
//
// The messages are marshaled before PublishAsync returns, and may be used again
// then. Nil means that they have been taken: each is tried, retried and told of
// as with Publish, within its own context and Config.SendTimeout. Messages handed
// over by one goroutine keep that order if they have the same ordering key.
//
// An error is an *Error, and means that nothing of the call has been taken or
// sent: a message was refused, its context has ended, the publisher is closed
// (ErrClosed), or Config.Waiting is reached (ErrWaitingFull), for which Publish
// would wait. As with Publish, OnResult has then been told of each message before
// PublishAsync returns, on the goroutine of the caller. So OnResult is told once
// of every message, whatever PublishAsync returns. The one exception is
// ErrNoOnResult, for there is nobody to be told.
//
// PublishAsync may be called by many goroutines at once, and from OnResult.
func (p *Publisher) PublishAsync(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	c := p.calls.get(messages, p.now())
	switch {
	case p.cfg.OnResult == nil:
		refuse(c.results, 0, ErrNoOnResult)
	case !p.enterAsync(c):
		refuse(c.results, 0, ErrClosed)
	default:
		if o := p.prepareAsync(c, topic, messages); o != nil {
			o.take(c, messages)
			return nil
		}
		defer p.leaveAsync(c.async.generation)
	}
	return p.report(c, topic)
}

// prepareAsync prepares the messages and makes room for them at the gate. It
// returns the outbox that they go to, or nil if the call was refused.
func (p *Publisher) prepareAsync(c *call, topic string, messages []*message.Message) *outbox {
	mapped, ok := p.checkCall(c, topic, messages)
	if !ok {
		return nil
	}
	for i, msg := range messages {
		if err := contextError(msg.Context()); err != nil {
			refuse(c.results, i, err)
			return nil
		}
	}
	need := needOf(messages)
	if !p.gate.tryEnter(need) {
		refuse(c.results, 0, ErrWaitingFull)
		return nil
	}
	if !p.prepareAll(c, topic, mapped, messages, c.began) {
		p.gate.leave(need)
		return nil
	}
	c.async.delivery, c.async.need = &p.delivery, need
	return p.outboxes.of(p, mapped.Name)
}

// take sees to it that the messages of an asynchronous call are sent. Unless they
// have contexts that can end, the call may be over, and in use for others, as soon
// as it has been submitted.
func (o *outbox) take(c *call, messages []*message.Message) {
	ctx, shared := sharedContext(messages)
	contexts := !shared || ctx.Done() != nil
	c.contexts, c.until = contexts, lastDeadline(messages, c.began.Add(o.p.cfg.SendTimeout))
	starts, _ := o.submit(c, c.began)
	o.run(starts)
	select {
	case <-o.p.cut:
		// The watch may have been looked through already.
		o.cutOff()
	default:
	}
	switch {
	case !contexts:
	case shared:
		o.keepStops(c, context.AfterFunc(ctx, func() { o.end(c, 0, len(c.entries), contextError(ctx)) }))
	default:
		stops := make([]func() bool, 0, len(messages))
		for i, msg := range messages {
			own := msg.Context()
			if own.Done() != nil {
				stops = append(stops, context.AfterFunc(own, func() { o.end(c, i, i+1, contextError(own)) }))
			}
		}
		o.keepStops(c, stops...)
	}
}

// keepStops leaves the watch of contexts to be ended with the call, or ends it if
// the call is over.
func (o *outbox) keepStops(c *call, stops ...func() bool) {
	o.mu.Lock()
	over := c.left == 0
	if !over {
		c.async.stops = stops
	}
	o.mu.Unlock()
	if over {
		stopAll(stops)
	}
}

// unwatch ends the watch of the contexts of a call that is over.
func (o *outbox) unwatch(c *call) {
	o.mu.Lock()
	stops := c.async.stops
	o.mu.Unlock()
	stopAll(stops)
}

func stopAll(stops []func() bool) {
	for _, stop := range stops {
		stop()
	}
}

// finishAsync tells of the results of an asynchronous call and gives back what it
// holds.
func (p *Publisher) finishAsync(c *call) {
	p.tell(c)
	if c.contexts {
		c.outbox.unwatch(c)
	}
	p.gate.leave(c.async.need)
	generation := c.async.generation
	if !c.failed {
		p.calls.put(c)
	}
	p.leaveAsync(generation)
}

package publisher

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/failed"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/gate"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/lasting"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/told"
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
	generation *told.Generation
	need       gate.Amount // that it holds at the gate
	// contexts are those of its messages, if these do not count as they were given.
	contexts lasting.Contexts
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
// (ErrClosed), Config.Waiting is reached (ErrWaitingFull), for which Publish
// would wait, or there is no OnResult (ErrNoOnResult). Its Results say the same of
// each message. OnResult is not told of them: the fate of a message is either
// returned or told, so only one of the two can hand it over again. A context that has
// ended before the call does not count where it does not count for Publish.
//
// PublishAsync may be called by many goroutines at once, and from OnResult. Async returns a
// message.Publisher for those who want one.
func (p *Publisher) PublishAsync(topic string, messages ...*message.Message) error {
	return p.handOver(topic, messages, mode{async: true})
}

// handOver is PublishAsync, which may wait for room.
func (p *Publisher) handOver(topic string, messages []*message.Message, how mode) error {
	if len(messages) == 0 {
		return nil
	}
	c := p.calls.get(p, topic, messages, how)
	switch {
	case p.cfg.OnResult == nil:
		c.refuse(0, ErrNoOnResult)
	case !p.enterAsync(c):
		c.refuse(0, ErrClosed)
	case p.takeAsync(c, messages):
		return nil
	}
	results := c.results()
	c.end(results)
	return &Error{Topic: topic, Results: results}
}

// takeAsync hands over the messages of a call that was let in, and reports whether it
// did. User code may panic while it prepares them: like a refusal, that ends the
// call.
func (p *Publisher) takeAsync(c *call, messages []*message.Message) (taken bool) {
	generation := c.async.generation
	defer func() {
		if !taken {
			p.leaveAsync(generation)
		}
	}()
	mapped, messages, ok := p.prepareAsync(c, messages)
	if !ok {
		return false
	}
	taken = true
	c.Async = true
	if c.mode.patient { // the caller goes by what it was told: that the messages have been taken
		c.async.contexts = lasting.Of(len(messages), func(i int) context.Context { return messages[i].Context() })
	}
	c.readContexts(messages)
	if c.Reusable() {
		c.given = nil // the call may be over, and in use for others, from here on
	}
	p.engine.Take(mapped.Name, &c.Call)
	return true
}

// prepareAsync prepares the messages and makes room for them at the gate. It
// returns the topic that they go to and the messages with contexts that count, and false if
// the call was refused.
func (p *Publisher) prepareAsync(c *call, messages []*message.Message) (mapped marshaler.MappedTopic, live []*message.Message, ok bool) {
	if mapped, ok = p.checkCall(c, messages); !ok {
		return mapped, nil, false
	}
	messages = failed.Live(messages)
	if at, err := failed.Ended(messages); err != nil {
		c.refuse(at, err)
		return mapped, nil, false
	}
	need, now := needOf(messages), c.began
	switch {
	case p.gate.TryEnter(need):
	case !c.mode.patient:
		c.refuse(0, ErrWaitingFull)
		return mapped, nil, false
	default:
		if at, err := p.waitAtGate(c, messages, need); err != nil {
			c.refuse(at, err)
			return mapped, nil, false
		}
		now = time.Now()
	}
	prepared := false
	defer func() {
		if !prepared {
			p.gate.Leave(need)
		}
	}()
	c.async.need = need
	prepared = p.prepareAll(c, mapped, messages, need, now)
	return mapped, messages, prepared
}

// finishAsync tells of the results of an asynchronous call and gives back what it
// holds.
func (p *Publisher) finishAsync(c *call) {
	p.tell(c)
	c.Unwatch()
	c.async.contexts.End()
	p.gate.Leave(c.async.need)
	generation := c.async.generation
	if !c.failed() {
		p.calls.put(c)
	}
	p.leaveAsync(generation)
}

// enterAsync is enter for an asynchronous call, which leaveAsync ends.
func (p *Publisher) enterAsync(c *call) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || p.stopped {
		return false
	}
	p.inFlight++
	c.async.generation = p.handed.Add()
	return true
}

// leaveAsync is told when the results of an asynchronous call have been told.
func (p *Publisher) leaveAsync(of *told.Generation) {
	p.mu.Lock()
	p.handed.Remove(of)
	p.mu.Unlock()
	p.leave()
}

// waitTold returns when the results of all asynchronous calls have been told.
func (p *Publisher) waitTold() {
	p.mu.Lock()
	all := p.handed.Seal()
	p.mu.Unlock()
	if all != nil {
		<-all
	}
	p.delivery.Wait()
}

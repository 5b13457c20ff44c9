package publisher

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/trace"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/dispatch"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/gathered"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// observer tells hooks, traces and the log what becomes of attempts.
type observer struct{ p *Publisher }

var _ dispatch.Observer = observer{}

// Starting is told that an attempt begins.
func (o observer) Starting(a *dispatch.Attempt) {
	if !o.p.hooks.aboutAttempts() {
		return
	}
	first, _ := ownerOf(a.Messages[0])
	a.Observed = dispatch.Observed{Topic: first.topic, Context: contextOf(a.Messages[0])}
	if hook := o.p.hooks.AttemptStart; hook != nil {
		began := Attempt{MessageQueue: o.p.userQueue(a.Queue), Began: a.Began}
		o.p.withMessages(a, func(list []AttemptMessage) {
			a.Observed.Context = hook(a.Observed.Context, attemptEvent(a, list, began, StatusNone))
		})
	}
}

// Abandoned is told that an attempt was not made.
func (o observer) Abandoned(a *dispatch.Attempt) {
	o.ended(a, func() Attempt {
		return Attempt{MessageQueue: o.p.userQueue(a.Queue), Addr: a.Addr, Began: a.Began, Took: time.Since(a.Began), Err: ErrNotAttempted}
	}, StatusNone)
}

// ended tells AttemptEnd.
func (o observer) ended(a *dispatch.Attempt, how func() Attempt, status SendStatus) {
	if hook := o.p.hooks.AttemptEnd; hook != nil {
		o.p.withMessages(a, func(list []AttemptMessage) { hook(a.Observed.Context, attemptEvent(a, list, how(), status)) })
	}
}

// Stored is told that a broker has the messages of an attempt.
func (o observer) Stored(a *dispatch.Attempt, s *dispatch.Stored) {
	status := SendStatus(s.Status)
	o.ended(a, func() Attempt {
		done := Attempt{MessageQueue: o.p.userQueue(s.Queue), Addr: s.Addr, Began: a.Began, Took: time.Since(a.Began), Outcome: Stored}
		if a.Oneway {
			done.Outcome = MayBeStored
		}
		return done
	}, status)
	if a.Oneway {
		return
	}
	if status != SendOK {
		o.p.storedNotDurably(s)
	}
	if t := o.p.tracer; t.traces(a.Topic) && !s.Untraced {
		o.trace(t, a, s)
	}
}

// Failed is told that an attempt has failed.
func (o observer) Failed(a *dispatch.Attempt, f *dispatch.Failure, v verdict.Verdict, anybody bool) {
	o.p.attemptFailed(f, v.Broker)
	o.ended(a, func() Attempt { return o.p.attemptOf(f) }, StatusNone)
	if anybody {
		o.p.refresh(a.Topic, v)
	}
}

// Retrying is told that messages are to be sent again.
func (o observer) Retrying(a *dispatch.Attempt, pause time.Duration, err error) {
	hook := o.p.hooks.Retry
	if hook == nil {
		return
	}
	o.p.withMessages(a, func(list []AttemptMessage) {
		hook(a.Observed.Context, RetryEvent{
			Topic: a.Observed.Topic, RocketMQTopic: a.Topic, Messages: list, Failed: a.Try, Pause: pause, Err: err,
		})
	})
}

func attemptEvent(a *dispatch.Attempt, list []AttemptMessage, how Attempt, status SendStatus) AttemptEvent {
	return AttemptEvent{
		Topic: a.Observed.Topic, RocketMQTopic: a.Topic, Messages: list, Bytes: bytesOf(a), Try: a.Try, Oneway: a.Oneway,
		Attempt: how, Status: status,
	}
}

// bytesOf returns the size of the body of the attempt's request.
func bytesOf(a *dispatch.Attempt) int {
	if len(a.Messages) == 1 {
		return len(part(a.Messages[0]).Body)
	}
	return gathered.Size(a.Messages)
}

// contextOf returns the context of a message as hooks are to have it.
func contextOf(m *dispatch.Message) context.Context {
	c, _ := ownerOf(m)
	return c.observed[m.Index()].ctx
}

// messageLists keeps lists of messages for reuse. The zero value is ready.
type messageLists struct{ pool sync.Pool }

// withMessages calls tell with the attempt's messages. The list is good until it returns.
func (p *Publisher) withMessages(a *dispatch.Attempt, tell func(list []AttemptMessage)) {
	list, ok := p.lists.pool.Get().(*[]AttemptMessage)
	if !ok {
		list = new([]AttemptMessage)
	}
	for _, m := range a.Messages {
		_, own := ownerOf(m)
		*list = append(*list, AttemptMessage{Context: contextOf(m), UUID: own.uuid})
	}
	tell(*list)
	clear(*list)
	*list = (*list)[:0]
	p.lists.pool.Put(list)
}

// attemptFailed logs that a broker did not take messages, now and then. What ends with
// its caller, or with the publisher, is no failure.
func (p *Publisher) attemptFailed(f *dispatch.Failure, s verdict.Sign) {
	if s == verdict.NoSign || s == verdict.Answered || errors.Is(f.Err, context.Canceled) || errors.Is(f.Err, transport.ErrClosed) {
		return
	}
	if missed, ok := p.logs.brokers.Ask(f.Queue.BrokerName, time.Now()); ok {
		p.logger.Info("RocketMQ broker failed", watermill.LogFields{
			"broker": f.Queue.BrokerName, "addr": f.Addr, "cause": f.Err.Error(), loglimit.Unlogged: missed,
		})
	}
}

// storedNotDurably logs in the same way that a broker has stored messages with less
// safety than it is configured for: callers take that for success.
func (p *Publisher) storedNotDurably(s *dispatch.Stored) {
	status := SendStatus(s.Status)
	if missed, ok := p.logs.notDurable[status].Ask(s.Queue.BrokerName, s.At); ok {
		p.logger.Info("RocketMQ broker has stored messages less safely than it is configured to", watermill.LogFields{
			"broker": s.Queue.BrokerName, "addr": s.Addr, "status": status.String(), loglimit.Unlogged: missed,
		})
	}
}

// seldomGap is the least time between two lookups of a topic's route for failures that
// seldom have to do with it: all publishers of a cluster may meet a broker that is busy,
// and the name servers must not become busy from that.
const seldomGap = time.Second

// refresh has the route of a topic looked up, by RocketMQ's name of it, if a failure
// may mean that it is out of date.
func (p *Publisher) refresh(topic string, v verdict.Verdict) {
	switch {
	case v.Refresh && v.Seldom:
		p.routes.RefreshOlder(topic, seldomGap)
	case v.Refresh:
		p.routes.Refresh(topic)
	}
}

// trace gathers the records of an attempt whose messages a broker has stored.
func (o observer) trace(t *tracer, a *dispatch.Attempt, s *dispatch.Stored) {
	traced := trace.Message{
		Began: a.Began, Took: time.Since(a.Began), Group: o.p.userName(o.p.cfg.ProducerGroup), Topic: o.p.userName(a.Topic),
		Region: s.Region, StoreHost: s.Addr, Durable: SendStatus(s.Status) == SendOK,
	}
	for i, m := range a.Messages {
		_, known := ownerOf(m)
		sent := part(m)
		traced.ID, traced.OffsetID = known.id.String(), string(offsetID(s.OffsetIDs, i, len(a.Messages)))
		traced.BodyLength, traced.Properties = len(sent.Body), sent.Properties
		traced.Delayed = known.delay != nil && known.delay.applied
		t.observer.Stored(&traced)
	}
}

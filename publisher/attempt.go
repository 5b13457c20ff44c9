package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// storedBatch is where a broker has put a batch, or where a batch was sent one-way.
type storedBatch struct {
	at        time.Time // when that was known
	queue     routing.MessageQueue
	addr      string
	status    SendStatus // StatusNone for one-way
	offset    int64      // of the first message; the others follow
	offsetIDs []byte     // of all messages, joined by commas
	handle    []byte     // of a timer message, see Result.RecallHandle
	// region is the broker's, and untraced says that it wants no traces. They are
	// only looked for where messages are traced.
	region   string
	untraced bool
}

// limitOf returns when an attempt that begins now has to end, and why.
func (b *batch) limitOf(end deadline, now time.Time) deadline {
	limit := deadline{now.Add(b.lane.outbox.p.cfg.AttemptTimeout), ErrAttemptTimeout}
	if !end.at.IsZero() && end.at.Before(limit.at) {
		limit = end
	}
	return limit
}

// attempt tries to store the batch once, within ctx, which it stops. It ends earlier
// when there are other brokers to be tried in the time that is left.
func (b *batch) attempt(parent context.Context, ctx limited, limit deadline) (storedBatch, error) {
	p := b.lane.outbox.p
	route, queue, others, err := b.find(ctx.Context)
	if others {
		if share := b.share(); share.Before(limit.at) {
			limit = deadline{share, ErrAttemptTimeout}
			ctx = ctx.shorten(share)
		}
	}
	defer p.limits.stop(ctx)
	defer b.release(queue)
	var stored storedBatch
	if err == nil {
		stored, err = b.try(ctx.Context, route, queue)
	}
	if err == nil || err == errNobodyWaits || err == errKeysMove {
		return stored, err
	}
	if refusal := refusalOf(err); refusal != nil {
		return storedBatch{}, refusal
	}
	if ctx.Err() != nil && parent.Err() == nil {
		err = timedOut(err, limit.cause)
	}
	return stored, err
}

// timedOut adds to an error what it is that had no time left.
func timedOut(err, cause error) error {
	if op, ok := err.(*transport.OpError); ok {
		own := *op // that of a dial is shared between callers
		own.Err = fmt.Errorf("%w: %w", op.Err, cause)
		return &own
	}
	return fmt.Errorf("%w: %w", err, cause)
}

// find picks the queue of an attempt. See choose.
func (b *batch) find(ctx context.Context) (route *routing.Route, queue routing.MessageQueue, others bool, err error) {
	route, err = b.lane.outbox.p.route(ctx, b.lane.outbox.topic)
	if err == nil {
		queue, others, err = b.choose(route)
	}
	return route, queue, others, err
}

// try is an attempt to store the batch in the queue, within ctx.
func (b *batch) try(ctx context.Context, route *routing.Route, queue routing.MessageQueue) (storedBatch, error) {
	p := b.lane.outbox.p
	addr, err := p.routes.BrokerAddr(ctx, queue.Topic, queue.BrokerName)
	if err != nil {
		return storedBatch{}, err
	}
	addr = p.sendAddr(addr)
	b.connecting(addr)
	if err := p.client.Connect(ctx, addr); err != nil {
		return storedBatch{}, err
	}
	if err := p.checkNamespaceV2(ctx, addr); err != nil {
		return storedBatch{}, err
	}
	if err := b.arrangeDelay(ctx, route, queue, addr); err != nil {
		return storedBatch{}, err
	}
	keys, err := p.decorator.keys(ctx)
	if err != nil {
		return storedBatch{}, err
	}
	if !b.sending() {
		return storedBatch{}, errNobodyWaits
	}
	header, data, err := b.request(queue)
	if err != nil {
		return storedBatch{}, err
	}
	b.tellSend(queue, addr, len(*data))
	request := p.decorator.apply(keys, header, *data)
	var answer headers.Command
	if b.lane.oneway {
		err = p.client.InvokeOneway(ctx, addr, request, *data)
	} else {
		answer, err = p.client.Invoke(ctx, addr, request, *data)
	}
	if len(b.entries) > 1 {
		p.bodies.Put(data)
	}
	if err != nil {
		return storedBatch{}, err
	}
	now := p.now()
	if b.lane.oneway {
		b.learn(queue.BrokerName, signAnswered, now) // as far as can be known
		return storedBatch{at: now, queue: queue, addr: addr}, nil
	}
	status := storedStatus(headers.ResponseCode(answer.Code))
	if status == StatusNone {
		return storedBatch{}, b.delayError(answer.Err(), route, queue, addr)
	}
	b.learn(queue.BrokerName, signAnswered, now)
	result, err := headers.ParseStoredPlace(&answer)
	if err != nil {
		return storedBatch{}, &answerError{err}
	}
	if route.FromDefaultTopic() {
		// The broker has just created the topic: its real queues can be known.
		p.routes.Refresh(queue.Topic)
	}
	queue.QueueID = result.QueueID
	stored := storedBatch{
		at: now, queue: queue, addr: addr, status: status,
		offset: result.QueueOffset, offsetIDs: result.OffsetMessageIDs, handle: result.RecallHandle,
	}
	if p.tracer.traces(queue.Topic) {
		stored.readTrace(&answer)
	}
	return stored, nil
}

// choose picks the queue of the next attempt: that of the keys, or any. Brokers
// that failed this batch are avoided then, before them those that failed others or
// were slow (health.go), and before these, those that have more requests of the
// topic in work than others: one that hangs is not given the next as well. It
// reports whether there are other brokers that are good for the attempt after this.
func (b *batch) choose(route *routing.Route) (queue routing.MessageQueue, others bool, err error) {
	l, o := b.lane, b.lane.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if l.keyed {
		if !o.keysStay(route) {
			return routing.MessageQueue{}, false, errKeysMove
		}
		b.current.MessageQueue = o.p.userQueue(l.queue)
		return l.queue, false, nil
	}
	health := &o.p.health
	avoid := o.avoidable(o.load.avoid(route))
	busy := len(avoid)
	if !health.anyAiling() {
		avoid = append(avoid, b.avoid...)
		if queue, err = o.ask(route, avoid); err != nil {
			return routing.MessageQueue{}, false, err
		}
	} else {
		now := o.p.now()
		for range 2 { // the second time if another has just taken the broker to try it
			avoid = append(health.appendAvoided(avoid[:busy], o.load.names, now), b.avoid...)
			if queue, err = o.ask(route, avoid); err != nil {
				return routing.MessageQueue{}, false, err
			}
			if slices.Contains(avoid, queue.BrokerName) || health.take(queue.BrokerName, now) {
				break
			}
		}
	}
	o.load.add(queue.BrokerName)
	b.current.MessageQueue = o.p.userQueue(queue)
	others = slices.ContainsFunc(o.load.names, func(name string) bool {
		return name != queue.BrokerName && !slices.Contains(avoid[busy:], name)
	})
	return queue, others, nil
}

// leastAttempt is the time that an attempt gets, if there is as much: in less even
// a sound broker may not answer.
const leastAttempt = 100 * time.Millisecond

// share is when an attempt has to end for another one to come after it: when two
// thirds of the time are over that the batch has left. These are the proportions of
// the default AttemptTimeout and SendTimeout.
func (b *batch) share() time.Time {
	now := b.lane.outbox.p.now()
	// Lanes are rows, so one of these two has the most time of all.
	end := b.entries[0].call.until
	if last := b.entries[len(b.entries)-1].call.until; last.After(end) {
		end = last
	}
	return now.Add(max(end.Sub(now)*2/3, leastAttempt))
}

// release says that the broker, if there was one, has no longer this request in
// work, and that the attempt's limit is about to be stopped.
func (b *batch) release(queue routing.MessageQueue) {
	l, o := b.lane, b.lane.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	b.limit = nil
	if !l.keyed && queue.BrokerName != "" {
		o.load.remove(queue.BrokerName)
	}
}

// connecting notes where the attempt goes, and when.
func (b *batch) connecting(addr string) {
	b.asked = b.lane.outbox.p.now()
	b.lane.outbox.mu.Lock()
	defer b.lane.outbox.mu.Unlock()
	b.current.Addr = addr
}

// sending notes that from now on the broker may have the messages. Callers may
// have left while queue, broker and connection were looked for: their messages
// are not sent, as they have been told. It reports whether any are left.
func (b *batch) sending() bool {
	o := b.lane.outbox
	o.mu.Lock()
	for _, e := range b.entries {
		if e.state != entryDone && e.call.failed {
			e.result.Attempts-- // this one comes to nothing
		}
	}
	woken := b.dropEnded()
	b.waiting = len(b.entries)
	b.current.Outcome = MayBeStored
	b.listUUIDs()
	o.mu.Unlock()
	wake(woken)
	return len(b.entries) > 0
}

// request builds header and body of the request.
func (b *batch) request(queue routing.MessageQueue) (*headers.SendMessage, *[]byte, error) {
	p, first := b.lane.outbox.p, b.entries[0]
	h := &b.header
	*h = headers.SendMessage{
		ProducerGroup:      p.cfg.ProducerGroup,
		Topic:              b.lane.outbox.topic,
		DefaultTopic:       p.cfg.AutoCreate.DefaultTopic,
		DefaultTopicQueues: int32(p.cfg.AutoCreate.Queues),
		QueueID:            queue.QueueID,
		BornTimestamp:      first.born,
		UnitMode:           p.cfg.UnitMode,
		BrokerName:         queue.BrokerName,
	}
	if len(b.entries) == 1 {
		h.SysFlag, h.Flag, h.Properties = first.sysFlag, first.flag, first.properties
		h.ReconsumeTimes = first.reconsumed
		h.MaxReconsumeTimes, h.HasMaxReconsumeTimes = first.maxReconsumes, first.maxReconsumes > 0
		if d := b.delayedBy; d.Name != "" {
			// The entry keeps its own: the next attempt may add something else.
			h.Properties = headers.AppendProperty(slices.Clip(h.Properties), d.Name, d.Value)
		}
		return h, &first.body, nil
	}
	h.Batch = true
	data := p.bodies.Get()
	for _, e := range b.entries {
		var err error
		if *data, err = body.AppendBatchMessage(*data, e.flag, e.body, e.properties); err != nil {
			return nil, nil, err
		}
	}
	return h, data, nil
}

// errNobodyWaits ends an attempt that has become useless before anything is sent.
var errNobodyWaits = errors.New("nobody waits for the messages")

// answerError is an answer that says the message is stored but cannot be read,
// as no RocketMQ broker sends it.
type answerError struct{ err error }

func (e *answerError) Error() string { return "broker's answer cannot be read: " + e.err.Error() }

func (e *answerError) Unwrap() error { return e.err }

package publisher

import (
	"context"
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// storedBatch is where a broker has put a batch, or where a batch was sent one-way.
type storedBatch struct {
	queue     routing.MessageQueue
	addr      string
	status    SendStatus // StatusNone for one-way
	offset    int64      // of the first message; the others follow
	offsetIDs []byte     // of all messages, joined by commas
	// region is the broker's, and untraced says that it wants no traces. They are
	// only looked for where messages are traced.
	region   string
	untraced bool
}

// attempt tries to store the batch once.
func (b *batch) attempt(parent context.Context, end deadline) (storedBatch, error) {
	p := b.lane.outbox.p
	limit := deadline{p.now().Add(p.cfg.AttemptTimeout), ErrAttemptTimeout}
	if !end.at.IsZero() && end.at.Before(limit.at) {
		limit = end
	}
	ctx := p.limits.limit(parent, limit.at)
	defer p.limits.stop(ctx)
	stored, err := b.try(ctx.Context)
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

// try is an attempt within ctx.
func (b *batch) try(ctx context.Context) (storedBatch, error) {
	p := b.lane.outbox.p
	route, err := p.route(ctx, b.lane.outbox.topic)
	if err != nil {
		return storedBatch{}, err
	}
	queue, err := b.choose(route)
	if err != nil {
		return storedBatch{}, err
	}
	defer b.release(queue)
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
	if b.lane.oneway {
		return storedBatch{queue: queue, addr: addr}, nil
	}
	status := storedStatus(headers.ResponseCode(answer.Code))
	if status == StatusNone {
		return storedBatch{}, answer.Err()
	}
	result, err := headers.ParseStoredPlace(&answer)
	if err != nil {
		return storedBatch{}, &answerError{err}
	}
	if route.FromDefaultTopic() {
		// The broker has just created the topic: its real queues can be known.
		p.routes.Refresh(queue.Topic)
	}
	queue.QueueID = result.QueueID
	stored := storedBatch{queue: queue, addr: addr, status: status, offset: result.QueueOffset, offsetIDs: result.OffsetMessageIDs}
	if p.tracer.traces(queue.Topic) {
		stored.readTrace(&answer)
	}
	return stored, nil
}

// choose picks the queue of the next attempt: that of the keys, or any. Brokers
// that failed this batch are avoided then, and those that have more requests of
// the topic in work than others: one that hangs is not given the next as well.
func (b *batch) choose(route *routing.Route) (routing.MessageQueue, error) {
	l, o := b.lane, b.lane.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	if l.keyed {
		if !o.keysStay(route) {
			return routing.MessageQueue{}, errKeysMove
		}
		b.current.MessageQueue = l.queue
		return l.queue, nil
	}
	queue, err := o.ask(route, append(o.avoidable(o.load.avoid(route)), b.avoid...))
	if err != nil {
		return routing.MessageQueue{}, err
	}
	o.load.add(queue.BrokerName)
	b.current.MessageQueue = queue
	return queue, nil
}

// release says that the broker has no longer this request in work.
func (b *batch) release(queue routing.MessageQueue) {
	l, o := b.lane, b.lane.outbox
	if l.keyed {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.load.remove(queue.BrokerName)
}

// connecting notes where the attempt goes.
func (b *batch) connecting(addr string) {
	b.lane.outbox.mu.Lock()
	defer b.lane.outbox.mu.Unlock()
	b.current.Addr = addr
}

// sending notes that from now on the broker may have the messages. Callers may
// have left while queue, broker and connection were looked for: their messages
// are not sent, as they have been told. It reports whether any are left.
func (b *batch) sending() bool {
	o := b.lane.outbox
	now := o.p.now()
	o.mu.Lock()
	for _, e := range b.entries {
		if e.state != entryDone && e.call.failed {
			e.result.Attempts-- // this one comes to nothing
		}
	}
	woken := b.dropEnded(now)
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

package pull

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

const (
	// suspendTime is how long a broker may hold a pull when it has no message
	// (brokerSuspendMaxTimeMillis of DefaultMQPushConsumerImpl, 5.5.0). Brokers look for
	// pulls whose time is up every 5 s, so the answer may take suspendSlack longer.
	suspendTime  = 15 * time.Second
	suspendSlack = 10 * time.Second
	// maxSpan is how far a queue is read beyond its first message that is not acked
	// (consumeConcurrentlyMaxSpan of 5.5.0): as much would be consumed again after a crash.
	maxSpan = 2000
)

// fetching is the state of a reader's loop.
type fetching struct {
	r      *reader
	p      *progress
	next   int64     // offset to ask for
	behind bool      // there may be messages at once
	server int64     // id of the server of the broker to ask
	ahead  int       // how many messages may be asked for, as awaitSpan has found
	until  int64     // no message from this offset on may be taken, as awaitSpan has found
	asked  time.Time // when the last pull began
	pause  backoff
	// answered is when the broker has answered last.
	answered time.Time
	// troubled says that the master has not answered, and no pull has succeeded since.
	troubled bool
	// reserved is the room that was taken for the answer.
	reserved map[*Fetcher]int
}

// fetch pulls messages into lanes until ctx ends.
func (r *reader) fetch(ctx context.Context, p *progress) {
	l := &fetching{r: r, p: p, next: p.start, behind: true, server: routing.MasterID, reserved: make(map[*Fetcher]int)}
	defer l.giveBack()
	for ctx.Err() == nil && l.awaitSpan(ctx) && l.reserve(ctx) {
		if offset, ok := p.takeBack(); ok && offset < l.next {
			l.next, l.behind = offset, true
		}
		a, master, err := l.pull(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errInterrupted):
		case err != nil:
			l.failed(ctx, err, master)
		default:
			l.succeeded()
			l.take(ctx, &a, master)
		}
	}
}

// awaitSpan waits while too much is taken that comes after a message which is not acked. One
// that was released is read again all the same, alone: the wait may be for its ack.
func (l *fetching) awaitSpan(ctx context.Context) bool {
	for {
		span, lowest := l.p.span()
		most := l.mostAhead()
		if span < most {
			l.ahead, l.until = int(most-span), math.MaxInt64
			return true
		}
		if offset, end, ok := l.p.firstReleased(); ok {
			l.next, l.behind = offset, true
			l.ahead, l.until = 1, end
			return true
		}
		if most == maxSpan {
			l.r.engine.logs.stuck(l.r.queue, lowest)
		}
		select {
		case <-l.p.wake:
		case <-ctx.Done():
			return false
		}
	}
}

// rereads reports whether only what was released may be taken.
func (l *fetching) rereads() bool { return l.until != math.MaxInt64 }

// mostAhead is how far the queue may be read beyond its first message that is not acked. In
// order it is a share of what the subscription may have: else the messages of one queue,
// which are handed out one by one, could leave no room for those of others.
func (l *fetching) mostAhead() int64 {
	f := l.r.fetcher
	if f == nil || !f.output.Ordered() {
		return maxSpan
	}
	return max(1, int64(f.output.Budget().Messages()/max(1, len(f.Queues()))))
}

// reserve waits for room for the next messages, if there are some. A pull that waits at
// the broker has no room: others would have none for as long as it waits. What comes then
// is taken as far as there is room, and asked for once more. The same goes for a broker that
// may not answer. A retry topic has no room of its own.
func (l *fetching) reserve(ctx context.Context) bool {
	f := l.r.fetcher
	if !l.behind || f == nil || l.reserved[f] > 0 || l.isDoubtful() {
		return true
	}
	n, err := f.output.Budget().Take(ctx, min(delivery.Batch, l.ahead))
	l.reserved[f] = n
	if l.isDoubtful() { // as others have found meanwhile
		l.giveBack()
	}
	return err == nil
}

// isDoubtful reports whether the broker may not answer: the last pull has failed, or one of
// another queue has since the last answer.
func (l *fetching) isDoubtful() bool {
	return l.pause.failing() || l.r.engine.troubleOf(l.r.queue.BrokerName).After(l.answered)
}

// giveBack gives back the room that is not used.
func (l *fetching) giveBack() {
	for f, n := range l.reserved {
		if n > 0 {
			f.output.Budget().Return(n)
		}
	}
	clear(l.reserved)
}

// pull asks the broker. master says that its master has answered.
func (l *fetching) pull(ctx context.Context) (a answer, master bool, err error) {
	r, e := l.r, l.r.engine
	at, err := e.cfg.Member.Routes().Replica(ctx, r.queue.Topic, r.queue.BrokerName, l.server, false)
	if err != nil {
		return answer{}, true, err
	}
	request := headers.PullMessage{
		ConsumerGroup: e.group, Topic: r.queue.Topic, QueueID: r.queue.QueueID, QueueOffset: l.next,
		MaxMessages: delivery.Batch, SysFlag: headers.PullSubscription,
		Subscription: r.filter.Expression, SubVersion: r.filter.Version, ExpressionType: r.filter.ExpressionType,
		BrokerName: r.queue.BrokerName,
	}
	limit := e.cfg.RequestTimeout
	if n := l.reserved[r.fetcher]; n > 0 {
		request.MaxMessages = int32(n)
	}
	if !l.behind {
		request.SysFlag |= headers.PullSuspend
		request.SuspendMillis = suspendTime.Milliseconds()
		limit = suspendTime + suspendSlack
	}
	l.asked = time.Now()
	ctx, done := r.polling(ctx)
	defer done()
	if !l.behind && l.p.isBack() {
		return answer{}, true, errInterrupted // what was released before interrupt could end this pull
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd, err := e.cfg.Member.Client().Invoke(ctx, at.Addr, &request, nil)
	if err == nil {
		a, err = parseAnswer(&cmd, r.queue, l.next, &r.filter)
	}
	return a, at.IsMaster(), err
}

// polling returns a context for a pull, which interrupt ends.
func (r *reader) polling(ctx context.Context) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	r.mu.Lock()
	r.poll = cancel
	r.mu.Unlock()
	return ctx, func() {
		r.mu.Lock()
		r.poll, r.polled = nil, time.Now()
		r.mu.Unlock()
		cancel(nil)
	}
}

// take acts by an answer.
func (l *fetching) take(ctx context.Context, a *answer, master bool) {
	l.server = a.result.SuggestedBrokerID
	next := a.result.NextOffset
	if gone := l.p.forget(l.next, next, a.messages); gone >= 0 {
		l.r.engine.logs.gone(l.r.queue, gone)
	}
	switch a.code {
	case headers.Success:
		if len(a.messages) > 0 {
			l.r.engine.cfg.Observer.Fetched(l.r.queue.Topic, l.r.queue, len(a.messages))
		}
		if held := l.place(ctx, a.messages); held >= 0 {
			l.next, l.behind = held, true
			return
		}
		l.behind = next < a.result.MaxOffset
	case headers.PullNotFound:
		if !l.behind && time.Since(l.asked) < minPause {
			sleep(ctx, minPause) // a broker that does not let pulls wait
		}
		if next == l.next && l.rereads() {
			l.fallBack(ctx, next, master)
			return
		}
		l.behind = next < a.result.MaxOffset && next > l.next
	case headers.PullRetryImmediately:
		l.behind = true
		if next == l.next {
			sleep(ctx, minPause)
		}
	case headers.PullOffsetMoved:
		if next <= l.next {
			l.fallBack(ctx, next, master)
			return
		}
		l.r.engine.logs.moved(l.r.queue, l.next, next)
		l.behind = next < a.result.MaxOffset
	}
	if !l.behind {
		l.giveBack()
	}
	l.next = next
	l.p.advance(next)
}

// fallBack begins anew where the broker says, which is before what was read: it has lost
// the end of the queue, or an administrator has moved the group. Messages before that are
// read again if they are not acked. What a slave says only means that it is not as far as
// its master.
func (l *fetching) fallBack(ctx context.Context, next int64, master bool) {
	if next == l.next && !l.rereads() || !master {
		l.server = routing.MasterID
		l.giveBack()
		sleep(ctx, minPause)
		return
	}
	l.r.engine.logs.moved(l.r.queue, l.next, next)
	_, lowest := l.p.span()
	l.r.goTo(min(next, lowest))
}

// place puts messages into lanes. It returns the offset of the first one that found no
// room, or may not be taken yet, -1 if all are there.
func (l *fetching) place(ctx context.Context, messages []*delivery.Message) (held int64) {
	messages, beyond := l.wanted(messages)
	if held = l.placeAll(ctx, messages); held < 0 {
		return beyond
	}
	return held
}

func (l *fetching) placeAll(ctx context.Context, messages []*delivery.Message) (held int64) {
	if f := l.r.fetcher; f != nil {
		return l.placeFor(f, messages)
	}
	held = -1
	var full *Fetcher
	var changed <-chan struct{}
	for _, m := range messages {
		if full, changed = l.placeRetry(m); full != nil || changed != nil {
			held = m.Stored.QueueOffset
			break
		}
	}
	l.giveBack()
	switch {
	case full != nil:
		n, _ := full.output.Budget().Take(ctx, 1) // 0 if ctx has ended
		l.reserved[full] = n
	case changed != nil:
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return held
}

// wanted returns those messages that are not taken already, and the offset of the first one
// that may not be taken yet, -1 if there is none.
func (l *fetching) wanted(messages []*delivery.Message) (wanted []*delivery.Message, beyond int64) {
	wanted = messages[:0]
	for _, m := range messages {
		if m.Stored.QueueOffset >= l.until {
			return wanted, m.Stored.QueueOffset
		}
		if l.p.wants(m.Stored.QueueOffset) {
			wanted = append(wanted, m)
		}
	}
	return wanted, -1
}

// placeFor puts messages into the lane of a subscription.
func (l *fetching) placeFor(f *Fetcher, messages []*delivery.Message) (held int64) {
	room, count := l.reserved[f], len(messages)
	if room == 0 && count > 0 {
		room = f.output.Budget().TryTake(min(count, l.ahead))
	}
	n := min(room, count)
	l.reserved[f] = room - n
	l.giveBack()
	if n > 0 {
		l.put(f, messages[:n]...)
	}
	if n < count {
		return messages[n].Stored.QueueOffset
	}
	return -1
}

// put hands messages over for which there is room.
func (l *fetching) put(f *Fetcher, messages ...*delivery.Message) {
	lane := l.p.laneTo(f)
	offsets := make([]int64, len(messages))
	for i, m := range messages {
		m.Source = lane
		offsets[i] = m.Stored.QueueOffset
	}
	l.p.take(offsets...)
	l.p.recall(messages)
	lane.Put(messages)
}

// placeRetry puts a message of a retry topic into the lane of the subscription that it is
// for. It returns that subscription if there is no room. If the message is to be held until
// the subscriptions change, it returns what is closed then.
func (l *fetching) placeRetry(m *delivery.Message) (full *Fetcher, changed <-chan struct{}) {
	topic := m.Property(headers.PropertyRetryTopic)
	f, changed := l.r.engine.enter(topic)
	if changed != nil {
		return nil, changed
	}
	if f == nil {
		l.r.engine.logs.homeless(l.r.queue, topic)
		l.p.take(m.Stored.QueueOffset)
		l.r.returns.add(l.p, m, byDeliveries, homelessPause)
		return nil, nil
	}
	defer f.leave()
	if l.reserved[f] == 0 {
		l.reserved[f] = f.output.Budget().TryTake(1)
	}
	if l.reserved[f] == 0 {
		return f, nil
	}
	l.reserved[f]--
	l.put(f, m)
	return nil, nil
}

// succeeded notes that the broker has answered.
func (l *fetching) succeeded() {
	if l.troubled {
		l.r.engine.trouble(l.r.queue.BrokerName)
		l.troubled = false
	}
	if l.pause.failing() {
		l.r.engine.logs.recovered("Pulling works again", l.r.queue)
	}
	l.pause.reset()
	l.answered = time.Now()
}

// failed acts by a pull that has failed, and waits before the next one.
func (l *fetching) failed(ctx context.Context, err error, master bool) {
	r, e := l.r, l.r.engine
	status := new(headers.StatusError)
	broken := new(AnswerError)
	isThere := errors.As(err, &status) || errors.As(err, &broken)
	if !isThere && master {
		l.troubled = true
		e.trouble(r.queue.BrokerName) // before another queue of the broker has the room
	}
	l.giveBack()
	if !master {
		l.server = routing.MasterID
	}
	e.logs.failed("Cannot pull from a queue, trying again", err, r.queue)
	switch {
	case errors.As(err, &status):
		switch status.Code {
		case headers.SubscriptionNotExist, headers.SubscriptionNotLatest, headers.SubscriptionGroupNotExist:
			e.introduce(ctx, r.queue.Topic)
		case headers.TopicNotExist, headers.InvalidParameter, headers.SystemError:
			e.refresh(r.queue.Topic) // the queue may be gone
		case headers.NoPermission, headers.SubscriptionParseFailed:
			l.pause.pause = maxPause
		}
	case !isThere:
		e.refresh(r.queue.Topic)
	}
	l.behind = true // so that the answer comes at once
	l.pause.wait(ctx)
}

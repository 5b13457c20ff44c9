package pull

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

const (
	// rebalanceInterval is the time between two divisions of the queues that nothing
	// has asked for (rocketmq.client.rebalance.waitInterval, 5.5.0).
	rebalanceInterval = 20 * time.Second
	// rebalanceSoon is the time after one that could not be done.
	rebalanceSoon = 500 * time.Millisecond
	// gather is the time between two divisions for changes of the group: each of many
	// members that start at the same time has all of them told.
	gather = 100 * time.Millisecond
	// returnPatience is how long members are waited for after a broker was away. It is
	// longer than maxPause, after which the others find out that it is back.
	returnPatience = 2 * maxPause
	// Times between two looks for the route of the retry topic, which brokers make with
	// the first heartbeat, or the first message in it.
	minRetryPause = time.Second
	maxRetryPause = 30 * time.Second
)

// run divides the queues when something has changed, and now and then.
func (e *Engine) run() {
	timer := time.NewTimer(rebalanceInterval)
	defer timer.Stop()
	var gathered time.Time // when the next change of the group may be acted upon
	for {
		select {
		case <-e.ctx.Done():
			return
		case <-e.kick:
		case <-timer.C:
		case <-e.changed:
			// Other clients ask for the offset of a queue of ours as soon as they know that
			// it is theirs.
			signal(e.hurry)
			wait := time.NewTimer(time.Until(gathered))
			select {
			case <-wait.C:
			case <-e.kick:
			case <-e.ctx.Done():
			}
			wait.Stop()
			gathered = time.Now().Add(gather)
		}
		timer.Reset(e.rebalance(e.ctx))
	}
}

// rebalance divides the queues of all topics. It returns when to do so again.
func (e *Engine) rebalance(ctx context.Context) time.Duration {
	topics := e.topics()
	if len(topics) == 0 {
		return rebalanceInterval
	}
	next := rebalanceInterval
	for _, topic := range topics {
		if !e.divide(ctx, topic) {
			next = rebalanceSoon
		}
	}
	if e.isBroadcast() {
		return next
	}
	next = min(next, e.divideRetries(ctx))
	e.checkGroup(ctx, topics[0])
	return next
}

// topics returns the topics that there are subscriptions to, sorted.
func (e *Engine) topics() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	names := make(map[string]bool)
	for _, f := range e.fetchers {
		names[f.topic.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// divide gives this member its share of the queues of a topic. Where the route or the
// members are not known, everything stays as it is, and it reports false.
func (e *Engine) divide(ctx context.Context, topic string) bool {
	route, err := e.cfg.Member.Routes().ReadRoute(ctx, topic)
	if err != nil {
		if ctx.Err() == nil {
			e.logs.groupFailed("Cannot get the route of a topic, keeping its queues", topic, err)
		}
		return false
	}
	return e.divideQueues(ctx, topic, route)
}

func (e *Engine) divideQueues(ctx context.Context, topic string, route *routing.Route) bool {
	queues := route.ReadQueues()
	if e.isBroadcast() {
		e.assign(topic, queues, nil)
		return true
	}
	members, broker, err := e.members(ctx, route)
	if err == nil && !slices.Contains(members, e.id) || errors.Is(err, &headers.StatusError{Code: headers.SystemError}) {
		e.introduce(ctx, topic) // the broker has no member, or not this one
		if members, broker, err = e.members(ctx, route); err == nil && !slices.Contains(members, e.id) {
			return false
		}
	}
	if err != nil {
		if ctx.Err() == nil {
			e.logs.groupFailed("Cannot get the members of the group, keeping the queues", topic, err)
		}
		return false
	}
	if e.mayComeBack(topic, members, broker) {
		return false
	}
	share, _ := shareOf(queues, members, e.id)
	e.assign(topic, share, e.othersBefore(topic, queues, members))
	return true
}

// mayComeBack reports whether a member is missing that may only not have come back yet to a
// broker that was away. Its queues would be read again from an offset that the broker knows,
// which is some seconds old.
func (e *Engine) mayComeBack(topic string, members []string, broker string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.troubled[broker]) > returnPatience {
		return false
	}
	return slices.ContainsFunc(e.known[topic], func(id string) bool { return !slices.Contains(members, id) })
}

// trouble notes that a pull from a broker has failed, or is the first one after that.
func (e *Engine) trouble(broker string) {
	e.firstCommits.forget(broker)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.troubled[broker] = time.Now()
}

// troubleOf returns when that was noted last.
func (e *Engine) troubleOf(broker string) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.troubled[broker]
}

// othersBefore returns the queues that another member, which is there still, may read
// until it hears of the change, with that member.
func (e *Engine) othersBefore(topic string, queues []routing.MessageQueue, members []string) map[routing.MessageQueue]string {
	e.mu.Lock()
	before, ok := e.known[topic]
	e.known[topic] = members
	e.mu.Unlock()
	if !ok {
		before = slices.DeleteFunc(slices.Clone(members), func(id string) bool { return id == e.id })
	}
	others := make(map[routing.MessageQueue]string)
	if len(before) == 0 {
		return others
	}
	for i, q := range queues {
		owner := before[ownerOf(i, len(queues), len(before))]
		if owner != e.id && slices.Contains(members, owner) {
			others[q] = owner
		}
	}
	return others
}

// divideRetries gives this member its share of the retry topic. It returns when to do so
// again.
func (e *Engine) divideRetries(ctx context.Context) time.Duration {
	topic := e.retryTopic()
	e.mu.Lock()
	at := e.retryAt
	e.mu.Unlock()
	if left := time.Until(at); left > 0 {
		return left
	}
	route, err := e.cfg.Member.Routes().ReadRoute(ctx, topic)
	e.mu.Lock()
	if err != nil {
		e.retryPause = min(max(minRetryPause, 2*e.retryPause), maxRetryPause)
		e.retryAt = time.Now().Add(e.retryPause)
	} else {
		e.retryAt, e.retryPause = time.Time{}, 0
	}
	pause := e.retryPause
	e.mu.Unlock()
	if err != nil {
		return pause // nothing was sent back yet, as a rule
	}
	if !e.divideQueues(ctx, topic, route) {
		return rebalanceSoon
	}
	return rebalanceInterval
}

// retriesExpected has the retry topic looked for: a message was sent back.
func (e *Engine) retriesExpected() {
	e.mu.Lock()
	missing := !e.retryAt.IsZero()
	e.retryAt, e.retryPause = time.Time{}, 0
	e.mu.Unlock()
	if missing {
		signal(e.kick)
	}
}

// assign has exactly these queues of a topic read. others has the members that may read some
// of them still.
func (e *Engine) assign(topic string, share []routing.MessageQueue, others map[routing.MessageQueue]string) {
	e.mu.Lock()
	old := slices.DeleteFunc(slices.Clone(e.readers), func(r *reader) bool { return r.queue.Topic != topic })
	plan := e.plan(topic, share, old)
	var gone []*reader
	for _, r := range old {
		if at := slices.IndexFunc(plan, r.isFor); at >= 0 {
			plan = slices.Delete(plan, at, at+1)
		} else {
			gone = append(gone, r)
		}
	}
	before := queuesOf(old)
	e.readers = slices.DeleteFunc(e.readers, func(r *reader) bool { return slices.Contains(gone, r) })
	for _, task := range plan {
		e.start(task, others[task.queue])
	}
	after := queuesOf(slices.DeleteFunc(slices.Clone(e.readers), func(r *reader) bool { return r.queue.Topic != topic }))
	e.mu.Unlock()
	for _, r := range gone {
		r.end(e.ctx, lost)
	}
	if !slices.Equal(before, after) {
		e.logs.logger.Info("Queues of the topic were divided", e.logs.share(topic, len(before), len(after)))
		e.cfg.Observer.Rebalanced(topic, before, after)
	}
}

// task is a queue to be read, for a subscription or, of a retry topic, for all.
type task struct {
	queue   routing.MessageQueue
	fetcher *Fetcher
}

func (r *reader) isFor(t task) bool { return r.queue == t.queue && r.fetcher == t.fetcher }

// plan deals queues to the subscriptions of a topic. Without a group each has all of them.
// A subscription that is ending keeps what it has, until it has committed. mu is held.
func (e *Engine) plan(topic string, share []routing.MessageQueue, old []*reader) []task {
	var plan []task
	if topic == e.retryTopic() && !e.isBroadcast() {
		if len(e.fetchers) > 0 {
			for _, q := range share {
				plan = append(plan, task{q, nil})
			}
		}
		return plan
	}
	var open []*Fetcher
	for _, f := range e.fetchers {
		if f.topic.Name == topic && !f.stopped {
			open = append(open, f)
		}
	}
	kept := make(map[routing.MessageQueue]bool)
	for _, r := range old {
		if r.fetcher != nil && r.fetcher.stopped && slices.Contains(share, r.queue) {
			plan = append(plan, task{r.queue, r.fetcher})
			kept[r.queue] = !e.isBroadcast()
		}
	}
	for i, f := range open {
		part := share
		if !e.isBroadcast() {
			part = allocate(share, len(open), i)
		}
		for _, q := range part {
			if !kept[q] {
				plan = append(plan, task{q, f})
			}
		}
	}
	return plan
}

// start has a queue read. previous is the member that may read it still, empty if there is
// none. mu is held.
func (e *Engine) start(t task, previous string) {
	if e.ctx.Err() != nil {
		return
	}
	filter := headers.SubscriptionData{Expression: headers.ExpressionAll, ExpressionType: headers.ExpressionTag}
	if t.fetcher != nil {
		filter = t.fetcher.filter
	}
	r := newReader(e, t.queue, t.fetcher, filter)
	key := task{queue: t.queue}
	if e.isBroadcast() {
		key = t // subscriptions have nothing to do with each other
	}
	r.before = e.before[key]
	e.before[key] = r.over
	if r.before == nil {
		r.previous = previous
	}
	if e.locks != nil {
		r.lock = newLock(r)
	}
	e.readers = append(e.readers, r)
	e.wg.Go(func() {
		r.run()
		if r.before != nil {
			<-r.before // a reader that ended while it waited leaves the wait to the next one
		}
		close(r.over)
		e.mu.Lock()
		if e.before[key] == r.over {
			delete(e.before, key)
		}
		e.mu.Unlock()
	})
}

// readersOf returns the readers of a subscription, nil for those of retry topics. mu is
// held.
func (e *Engine) readersOf(f *Fetcher) []*reader {
	var list []*reader
	for _, r := range e.readers {
		if r.fetcher == f {
			list = append(list, r)
		}
	}
	return list
}

// drop takes a subscription out, and its readers. If it is the last one, those of the retry
// topic are among them. mu is held.
func (e *Engine) drop(f *Fetcher) (gone []*reader) {
	e.fetchers = slices.DeleteFunc(e.fetchers, func(other *Fetcher) bool { return other == f })
	e.tellSubscribed()
	gone = e.readersOf(f)
	if len(e.fetchers) == 0 {
		gone = append(gone, e.readersOf(nil)...)
		clear(e.known)
	}
	e.readers = slices.DeleteFunc(e.readers, func(r *reader) bool { return slices.Contains(gone, r) })
	return gone
}

// closeReaders ends readers, and waits until they have told the brokers what they have to.
func (e *Engine) closeReaders(ctx context.Context, readers []*reader) error {
	for _, r := range readers {
		r.end(ctx, closed)
	}
	var errs []error
	for _, r := range readers {
		<-r.done // what it waits for ends with ctx
		errs = append(errs, r.err)
	}
	return errors.Join(errs...)
}

func queuesOf(readers []*reader) []routing.MessageQueue {
	queues := make([]routing.MessageQueue, 0, len(readers))
	for _, r := range readers {
		queues = append(queues, r.queue)
	}
	slices.SortFunc(queues, func(a, b routing.MessageQueue) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return a.Compare(b)
	})
	return slices.Compact(queues)
}

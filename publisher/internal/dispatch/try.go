package dispatch

import (
	"context"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// try is how an attempt has ended.
type try struct {
	end   tryEnd
	route *routing.Route // nil if there was none
	err   error
	// timeout is why the attempt had no time left, nil if it had.
	timeout error
}

type tryEnd int

const (
	tryFailed tryEnd = iota
	tryStored
	// tryAbandoned: nobody waited any more, before anything was sent.
	tryAbandoned
	// tryKeysMove: the topic has other queues than those that the ordering keys are
	// spread over. Nothing was sent.
	tryKeysMove
)

// stopOf returns when an attempt that begins now has to end, and why.
func (b *batch) stopOf(end deadline, now time.Time) deadline {
	stop := deadline{now.Add(b.lane.acc.engine.cfg.AttemptTimeout), ErrAttemptTimeout}
	if !end.at.IsZero() && end.at.Before(stop.at) {
		stop = end
	}
	return stop
}

// try tries to store the batch once, within ctx, which it stops. It ends earlier
// when there are other brokers to be tried in the time that is left.
func (b *batch) try(parent context.Context, ctx limited, stop deadline) try {
	e := b.lane.acc.engine
	a := &b.attempt
	t := b.find(ctx.Context)
	if t.others {
		if share := b.share(); share.Before(stop.at) {
			stop = deadline{share, ErrAttemptTimeout}
			ctx = ctx.shorten(share)
		}
	}
	defer e.limits.stop(ctx)
	defer b.release()
	if t.end == tryFailed {
		e.cfg.Observer.Starting(a)
	}
	if t.end == tryFailed && t.err == nil {
		b.stored, t.err = e.cfg.Sender.Send(ctx.Context, a)
		switch {
		case a.abandoned:
			t.end = tryAbandoned
		case t.err == nil:
			t.end = tryStored
			if l := b.lane; l.oneway {
				e.health.written(a.Queue.BrokerName)
			} else {
				b.learn(a.Queue.BrokerName, verdict.Answered, e.Moment(b.stored.At))
			}
		}
	}
	if t.err != nil && ctx.Err() != nil && parent.Err() == nil {
		t.timeout = stop.cause
	}
	return t.try
}

// found is a try of which the queue is known, if its end is tryFailed and there is no
// error.
type found struct {
	try
	// others says that there are other brokers that are good for the attempt after
	// this.
	others bool
}

// find picks the queue of an attempt. See choose.
func (b *batch) find(ctx context.Context) found {
	acc := b.lane.acc
	route, err := acc.engine.cfg.Sender.Route(ctx, acc.topic)
	if err != nil {
		return found{try: try{err: err}}
	}
	b.attempt.Route = route
	f := b.choose(route)
	f.route = route
	return f
}

// choose picks the queue of the next attempt: that of the keys, or any. Brokers
// that failed this batch are avoided then, before them those that failed others or
// were slow (health.go), and before these, those that have more requests of the
// topic in work than others: one that hangs is not given the next as well.
func (b *batch) choose(route *routing.Route) found {
	l, acc := b.lane, b.lane.acc
	acc.mu.Lock()
	defer acc.mu.Unlock()
	if l.keyed {
		if !acc.keysStay(route) {
			return found{try: try{end: tryKeysMove}}
		}
		b.attempt.Queue = l.queue
		return found{}
	}
	health := &acc.engine.health
	avoid := acc.avoidable(acc.load.avoid(route))
	busy := len(avoid)
	var queue routing.MessageQueue
	var err error
	if !health.anyAiling() {
		avoid = append(avoid, b.avoid...)
		if queue, err = acc.ask(route, avoid); err != nil {
			return found{try: try{err: err}}
		}
	} else {
		now := time.Now()
		for range 2 { // the second time if another has just taken the broker to try it
			avoid = append(health.appendAvoided(avoid[:busy], acc.load.names, now), b.avoid...)
			if queue, err = acc.ask(route, avoid); err != nil {
				return found{try: try{err: err}}
			}
			if slices.Contains(avoid, queue.BrokerName) || health.take(queue.BrokerName, l.oneway, now) {
				break
			}
		}
	}
	acc.load.add(queue.BrokerName)
	b.attempt.Queue = queue
	others := slices.ContainsFunc(acc.load.names, func(name string) bool {
		return name != queue.BrokerName && !slices.Contains(avoid[busy:], name)
	})
	return found{others: others}
}

// leastAttempt is the time that an attempt gets, if there is as much: in less even
// a sound broker may not answer.
const leastAttempt = 100 * time.Millisecond

// share is when an attempt has to end for another one to come after it: when two
// thirds of the time are over that the batch has left, by the one that has most. These
// are the proportions of the default AttemptTimeout and SendTimeout.
func (b *batch) share() time.Time {
	e := b.lane.acc.engine
	var end Moment
	for _, m := range b.messages {
		end = max(end, m.call.Until)
	}
	now := e.Now()
	left := end - now
	return e.timeOf(now + max(left-left/3, leastAttempt))
}

// release says that the broker, if there was one, has no longer this request in
// work, and that the attempt's limit is about to be stopped.
func (b *batch) release() {
	l, acc := b.lane, b.lane.acc
	acc.mu.Lock()
	defer acc.mu.Unlock()
	b.limit = nil
	if !l.keyed && b.attempt.Queue.BrokerName != "" {
		acc.load.remove(b.attempt.Queue.BrokerName)
	}
}

// anotherMay notes that the attempt's broker cannot do what the message needs, and
// reports whether the topic has another that is still to be asked.
func (b *batch) anotherMay(route *routing.Route) bool {
	if route == nil {
		return false
	}
	b.unable = append(b.unable, b.attempt.Queue.BrokerName)
	return slices.ContainsFunc(route.WriteQueues(), func(q routing.MessageQueue) bool {
		return !slices.Contains(b.unable, q.BrokerName)
	})
}

// ask asks the selector for a queue, and checks what one of the user's own says.
// The accumulator's mutex is held, and is given back while such a selector runs: avoid
// has to be a slice that nobody else writes to then, as avoidable makes it.
func (acc *accumulator) ask(route *routing.Route, avoid []string) (routing.MessageQueue, error) {
	selector := acc.engine.cfg.Selector
	if isOwn(selector) {
		return selector.Select(route, avoid), nil
	}
	queue := acc.unlocked(func() routing.MessageQueue { return selector.Select(route, avoid) })
	if !slices.Contains(route.WriteQueues(), queue) && !slices.Contains(route.Listed(), queue) {
		return routing.MessageQueue{}, &routing.SelectorError{Topic: route.Topic(), MessageQueue: queue}
	}
	return queue, nil
}

// isOwn reports whether the selector is one of this project, which may run while a
// lock is held.
func isOwn(s routing.Selector) bool {
	switch s.(type) {
	case routing.RoundRobin, routing.Random:
		return true
	}
	return false
}

// avoidable returns the brokers to avoid of a slice that is the accumulator's, fit for
// ask.
func (acc *accumulator) avoidable(avoid []string) []string {
	if isOwn(acc.engine.cfg.Selector) {
		return avoid
	}
	return slices.Clone(avoid)
}

// unlocked runs f without the mutex, which is held again when it returns, and when
// it panics.
func (acc *accumulator) unlocked(f func() routing.MessageQueue) routing.MessageQueue {
	acc.mu.Unlock()
	defer acc.mu.Lock()
	return f()
}

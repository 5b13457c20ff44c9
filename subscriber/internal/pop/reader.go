package pop

import (
	"context"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

const (
	// maxPoppers is how many pops of a subscription are under way to a broker at most.
	maxPoppers = 8
	// zeroRevives is after how many answers in a row with the revive queue 0 a broker is
	// taken for one that keeps check points in RocksDB (popConsumerKVServiceEnable, 5.3.2).
	// Others take the revive queues in turn.
	zeroRevives = 20
	// fullPause is the time before a broker is asked again that holds too many requests.
	fullPause = time.Second
)

// reader pops messages of one broker, or of one of its queues. An unordered one has a
// goroutine, a popper, for each pop that is worth it: the more the longer answers come
// full. The last one waits for messages when there are none.
type reader struct {
	f  *Fetcher
	b  *broker
	at source
	// waits ends with the fetcher's, or when the broker has no queue of the topic any more.
	waits context.Context
	stop  context.CancelFunc

	mu      sync.Mutex // guards what follows
	queues  int
	poppers int
	zeros   int  // answers in a row with the revive queue 0
	failed  bool // and the log says so
	// polls ends with waits, or when there is a reason to pop that no broker tells of.
	polls    context.Context
	endPolls context.CancelFunc
}

func newReader(f *Fetcher, at source) *reader {
	r := &reader{f: f, b: f.e.broker(at.broker), at: at}
	r.waits, r.stop = context.WithCancel(f.waits)
	r.polls, r.endPolls = context.WithCancel(r.waits)
	return r
}

// polling is the context of a wait for messages.
func (r *reader) polling() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.polls
}

// look has whoever waits for messages pop.
func (r *reader) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endPolls()
	r.polls, r.endPolls = context.WithCancel(r.waits)
}

func (r *reader) setQueues(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queues = n
}

// read is the life of a popper: it pops until there is nothing left to do for it. room is
// how many messages it may ask for already.
func (r *reader) read(room int) {
	defer r.f.leave()
	pauses := pauses{failing: failureBackoff(), idling: idleBackoff()}
	for {
		if room == 0 {
			room = r.takeRoom()
		}
		if room == 0 {
			return
		}
		most := room
		room = 0
		signs := r.b.signs()
		a, err := r.f.pop(r.b, anyQueue, most, "", r.f.lane)
		if err != nil {
			r.fails(err)
			if r.isSpare() || !r.pauseAfter(&pauses.failing, signs) {
				return
			}
			continue
		}
		r.works(a.reviveQueueID)
		pauses.failing.reset()
		if r.isTooMany() {
			return
		}
		switch n := len(a.messages) + a.filtered; {
		case n == most:
			r.grow()
			pauses.found()
		case n > 0 && a.rest > 0:
			pauses.found()
		case r.isSpare():
			return
		default:
			if !r.wait(n > 0, &pauses) {
				return
			}
		}
	}
}

// pauses are those of one popper.
type pauses struct {
	failing, idling backoff
	notified        bool // the last notification has promised messages
}

func (p *pauses) found() {
	p.idling.reset()
	p.notified = false
}

// takeRoom waits until a pop may ask for some messages. It returns 0 if the popper has to
// end.
func (r *reader) takeRoom() int {
	budget := r.f.output.Budget()
	room := budget.TryTake(delivery.Batch)
	if room == 0 {
		if r.isSpare() {
			return 0
		}
		room, _ = budget.Take(r.waits, delivery.Batch) // 0 with an error
	}
	if r.waits.Err() != nil {
		budget.Return(room)
		room = 0
	}
	if room == 0 {
		r.end()
	}
	return room
}

// pause waits for a time. It reports false if the popper has to end.
func (r *reader) pause(d time.Duration) bool { return r.goesOn(sleep(r.waits, d, nil)) }

// pauseAfter is the pause after a failure.
func (r *reader) pauseAfter(failing *backoff, s signs) bool {
	return r.goesOn(failing.wait(r.waits, anyPause, s))
}

func (r *reader) goesOn(yes bool) bool {
	if !yes {
		r.end()
	}
	return yes
}

// wait waits until there may be messages, after a pop that has left none. It reports false
// if the popper has to end.
func (r *reader) wait(found bool, p *pauses) bool {
	switch {
	case found:
		p.idling.reset()
	case p.notified && !r.pause(p.idling.grow()):
		return false // others are faster, or it is messages of other tags
	}
	for {
		signs := r.b.signs()
		polls := r.polling()
		asked := time.Now()
		told, err := r.f.notified(polls, r.b, anyQueue, "", poll)
		switch {
		case r.waits.Err() != nil:
			r.end()
			return false
		case polls.Err() != nil:
			return true
		case err != nil:
			r.fails(err)
			if !r.pauseAfter(&p.failing, signs) {
				return false
			}
		case isFull(told, asked):
			if !r.pause(fullPause) {
				return false
			}
		default:
			p.notified = told.HasMessage
			return true
		}
	}
}

// isFull reports whether a broker has not kept the request waiting, for want of room. Brokers
// of about 5.2 do not say so, and others not if they do not keep any: the answer comes at once
// and says that there is no message (NotificationProcessor).
func isFull(told headers.NotificationResult, asked time.Time) bool {
	return told.PollingFull || !told.HasMessage && time.Since(asked) < fullPause
}

// isSpare reports whether there are other poppers: then this one has to end.
func (r *reader) isSpare() bool { return r.endAbove(1) }

// isTooMany reports whether there are more poppers than are worth it: then this one has to
// end.
func (r *reader) isTooMany() bool {
	r.mu.Lock()
	limit := r.limit()
	r.mu.Unlock()
	return r.endAbove(limit)
}

// limit is how many poppers may be worth it. mu is held.
func (r *reader) limit() int {
	if r.zeros >= zeroRevives {
		return 1
	}
	return max(1, min(maxPoppers, r.queues))
}

// endAbove ends a popper if there are more than n.
func (r *reader) endAbove(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.poppers <= n {
		return false
	}
	r.poppers--
	return true
}

// end says that a popper ends that need not be spare.
func (r *reader) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.poppers--
}

// grow adds a popper, if it is worth it. The fetcher is asked without mu, which is locked
// while that of the fetcher is.
func (r *reader) grow() {
	if !r.f.enter() {
		return
	}
	room := r.another()
	if room == 0 {
		r.f.leave()
		return
	}
	go r.read(room)
}

// another counts one more popper, and returns the room that it begins with, 0 if it is not
// worth it.
func (r *reader) another() (room int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.poppers >= r.limit() || r.waits.Err() != nil {
		return 0
	}
	if room = r.f.output.Budget().TryTake(delivery.Batch); room > 0 {
		r.poppers++
	}
	return room
}

// works notes an answer. Where check points are kept in RocksDB a pop locks out all others
// of the group and topic (PopConsumerLockService of 5.5.0), so that only one is worth it.
func (r *reader) works(reviveQueueID int32) {
	r.mu.Lock()
	switch {
	case reviveQueueID == 0:
		r.zeros = min(r.zeros+1, zeroRevives)
	case reviveQueueID > 0:
		r.zeros = 0
	}
	failed := r.failed
	r.failed = false
	r.mu.Unlock()
	if failed {
		r.f.e.cfg.Logger.Info("Taking messages from RocketMQ again", watermill.LogFields{"broker": r.b.name, "rocketmq_topic": r.f.topic.Name})
	}
}

// fails logs a failure. What a pop may have brought comes back when its lease is over.
func (r *reader) fails(err error) {
	if r.waits.Err() != nil {
		return
	}
	if r.b.complain(&r.f.e.logs.pops, "Cannot take messages from RocketMQ", r.f.topic.Name, err) {
		r.mu.Lock()
		r.failed = true
		r.mu.Unlock()
	}
}

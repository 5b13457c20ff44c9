package pull

import (
	"context"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Times of the locks of queues. A broker keeps a lock for 60 s after it was last asked
// for (RebalanceLockManager of 5.5.0).
const (
	// lockRenewal is the time between two requests for a lock that is held (20 s in
	// RebalanceLockManager's client, ConsumeMessageOrderlyService), lockLife how long it
	// counts as held after the last request that got it.
	lockRenewal = 20 * time.Second
	lockLife    = 30 * time.Second
	// minLockPause is the time between two requests for locks that others hold. It grows
	// until maxLockPause.
	minLockPause = 100 * time.Millisecond
	maxLockPause = time.Second
	// lockAtOnce is how many brokers are asked at once.
	lockAtOnce = 16
)

// lock is the right of this member to read a queue alone.
type lock struct {
	reader *reader
	// granted has one slot: the lock is held, perhaps.
	granted chan struct{}

	mu    sync.Mutex // guards what follows
	until time.Time  // when it ends, zero if it is not held
}

// locks asks brokers for the locks of all queues of an engine, and renews them. It has one
// goroutine, run, which the engine's context ends.
type locks struct {
	engine *Engine
	kick   chan struct{} // one slot: there is a new lock

	mu     sync.Mutex // guards what follows
	wanted map[*lock]struct{}
	// asking has room for one token: whoever has put it there asks brokers for locks.
	asking chan struct{}
}

func newLocks(e *Engine) *locks {
	return &locks{engine: e, kick: make(chan struct{}, 1), wanted: make(map[*lock]struct{}), asking: make(chan struct{}, 1)}
}

// newLock returns a lock for the queue of a reader, which nobody asks for before want.
func newLock(r *reader) *lock { return &lock{reader: r, granted: make(chan struct{}, 1)} }

// want has a lock asked for, until drop. No other reader of this member may have the queue: a
// broker takes the locks of all readers of a member for one.
func (s *locks) want(l *lock) {
	s.mu.Lock()
	s.wanted[l] = struct{}{}
	s.mu.Unlock()
	signal(s.kick)
}

// drop gives a lock up, and tells the broker if it is held.
func (s *locks) drop(ctx context.Context, l *lock) error {
	s.mu.Lock()
	delete(s.wanted, l)
	s.mu.Unlock()
	select { // a request under way may still get the lock, later ones do not ask for it
	case s.asking <- struct{}{}:
		<-s.asking
	case <-ctx.Done():
	}
	l.mu.Lock()
	held := !l.until.IsZero()
	l.until = time.Time{}
	l.mu.Unlock()
	if !held {
		return nil
	}
	q := l.reader.queue
	body, err := s.body([]*lock{l})
	if err == nil {
		_, err = s.engine.askBroker(ctx, q.Topic, q.BrokerName, headers.UnlockQueues{}, body)
	}
	return err
}

func (s *locks) body(list []*lock) ([]byte, error) {
	data := headers.LockQueuesData{ClientID: s.engine.id, ConsumerGroup: s.engine.group}
	for _, l := range list {
		q := l.reader.queue
		data.Queues = append(data.Queues, headers.MessageQueue{BrokerName: q.BrokerName, QueueID: q.QueueID, Topic: q.Topic})
	}
	return data.Encode()
}

func (s *locks) run(ctx context.Context) {
	timer := time.NewTimer(lockRenewal)
	defer timer.Stop()
	pause := minLockPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
			pause = minLockPause
		case <-timer.C:
		}
		next := lockRenewal
		if !s.ask(ctx) {
			next = pause
			pause = min(2*pause, maxLockPause)
		}
		timer.Reset(next)
	}
}

// ask asks all brokers for the locks. It reports whether all are held.
func (s *locks) ask(ctx context.Context) (all bool) {
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return true
	}
	now := time.Now()
	byBroker := make(map[string][]*lock)
	var brokers []string
	s.mu.Lock()
	for l := range s.wanted {
		if !l.isDue(now) {
			continue
		}
		name := l.reader.queue.BrokerName
		if byBroker[name] == nil {
			brokers = append(brokers, name)
		}
		byBroker[name] = append(byBroker[name], l)
	}
	s.mu.Unlock()
	held := make([]bool, len(brokers))
	fanout.Each(len(brokers), lockAtOnce, func(i int) { held[i] = s.askBroker(ctx, brokers[i], byBroker[brokers[i]]) })
	for _, ok := range held {
		if !ok {
			return false
		}
	}
	return true
}

// isDue reports whether the lock is to be asked for.
func (l *lock) isDue(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until.IsZero() || l.until.Sub(now) <= lockLife-lockRenewal/4
}

// askBroker asks one broker for locks, and reports whether it got all.
func (s *locks) askBroker(ctx context.Context, broker string, list []*lock) (all bool) {
	asked := time.Now()
	body, err := s.body(list)
	var answer headers.Command
	if err == nil {
		answer, err = s.engine.askBroker(ctx, list[0].reader.queue.Topic, broker, headers.LockQueues{}, body)
	}
	var got headers.LockedQueuesData
	if err == nil {
		got, err = headers.ParseLockedQueuesData(answer.Body)
	}
	if err != nil {
		if ctx.Err() == nil {
			s.engine.logs.failed("Cannot lock queues, trying again", err, list[0].reader.queue)
		}
		for _, l := range list {
			l.expire(time.Now())
		}
		return false
	}
	mine := make(map[routing.MessageQueue]bool, len(got.Queues))
	for _, q := range got.Queues {
		mine[routing.MessageQueue{Topic: q.Topic, BrokerName: q.BrokerName, QueueID: q.QueueID}] = true
	}
	all = true
	for _, l := range list {
		if mine[l.reader.queue] {
			l.grant(asked.Add(lockLife))
		} else {
			all = false
			l.lose()
		}
	}
	return all
}

// grant notes that the lock is held.
func (l *lock) grant(until time.Time) {
	l.mu.Lock()
	l.until = until
	l.mu.Unlock()
	signal(l.granted)
}

// lose notes that somebody else has the lock.
func (l *lock) lose() {
	l.mu.Lock()
	held := !l.until.IsZero()
	l.until = time.Time{}
	l.mu.Unlock()
	if held {
		l.reader.lockLost()
	}
}

// expire notes that the lock could not be renewed, which ends it at its time.
func (l *lock) expire(now time.Time) {
	l.mu.Lock()
	over := !l.until.IsZero() && !now.Before(l.until)
	l.mu.Unlock()
	if over {
		l.lose()
	}
}

// isHeld reports whether no other member may read the queue.
func (l *lock) isHeld(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now.Before(l.until)
}

// await waits until the lock is held, or ctx ends. It reports false then.
func (l *lock) await(ctx context.Context) bool {
	for {
		if l.isHeld(time.Now()) {
			return true
		}
		select {
		case <-l.granted:
		case <-ctx.Done():
			return false
		}
	}
}

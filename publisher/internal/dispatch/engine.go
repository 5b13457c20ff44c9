package dispatch

import (
	"sync"
	"time"
)

// Engine sends the messages of all topics. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	epoch  time.Time
	topics accumulators
	health health
	limits timeLimits
	// batches are kept for reuse.
	batches batchPool
	senders sync.WaitGroup
	// cut is closed when the calls still under way have to end.
	cut chan struct{}

	mu      sync.Mutex // guards what follows
	stopped bool       // no sender may be started
}

// hurryAfter is the default of Config.HurryAfter.
const hurryAfter = 50 * time.Millisecond

// endless is the longest Config.SendTimeout that counts: 73 years.
const endless = 1 << 61 * time.Nanosecond

// New returns an Engine. It has no goroutine until a message is handed over.
func New(cfg Config) *Engine {
	if cfg.HurryAfter == 0 {
		cfg.HurryAfter = hurryAfter
	}
	cfg.SendTimeout = min(cfg.SendTimeout, endless)
	e := &Engine{
		cfg:    cfg,
		epoch:  time.Now(),
		health: health{cfg: cfg.Avoidance, probeTime: cfg.AttemptTimeout},
		cut:    make(chan struct{}),
	}
	e.topics.engine = e
	return e
}

// Now returns the current moment, which is more than 0.
func (e *Engine) Now() Moment { return time.Since(e.epoch) + 1 }

// Moment returns that of a time.
func (e *Engine) Moment(t time.Time) Moment { return t.Sub(e.epoch) + 1 }

// Limit returns when the time of a call is over that began at that moment.
func (e *Engine) Limit(began Moment) Moment { return began + e.cfg.SendTimeout }

// timeOf returns the time of a moment.
func (e *Engine) timeOf(m Moment) time.Time { return e.epoch.Add(m - 1) }

// Deliver sends the call's messages to the topic and returns when each has its result.
// What it calls runs on other goroutines as well; a panic of that on its own passes
// through, and the messages are given up. The call is handed over now: some of its time
// may be over.
func (e *Engine) Deliver(topic string, c *Call, now Moment) { e.topics.of(topic).deliver(c, now) }

// Take sees to it that the messages of an Async call are sent, and returns. Unless they
// have contexts that can end, the call may be over, and in use for others, by then.
func (e *Engine) Take(topic string, c *Call) { e.topics.of(topic).take(c) }

// Topics returns the number of topics that there are accumulators for.
func (e *Engine) Topics() int { return e.topics.len() }

// Cut ends all calls with ErrClosed, those as well that are handed over later.
func (e *Engine) Cut() {
	close(e.cut)
	e.mu.Lock()
	e.stopped = true
	e.mu.Unlock()
	e.topics.cut()
}

// Wait returns when all goroutines have ended, after Cut.
func (e *Engine) Wait() { e.senders.Wait() }

// spawn starts a sender on a goroutine that Wait waits for. After Cut there is nothing
// to send: the sender has only to say so, and runs on the spot.
func (e *Engine) spawn(s start) {
	e.mu.Lock()
	stopped := e.stopped
	if !stopped {
		e.senders.Go(func() { s.lane.send(s.batch, true) })
	}
	e.mu.Unlock()
	if stopped {
		s.lane.send(s.batch, false)
	}
}

// sleep returns after that time, or when calls are cut off.
func (e *Engine) sleep(length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-e.cut:
	}
}

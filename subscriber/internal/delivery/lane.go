package delivery

import (
	"context"
	"sync"
)

// Lane hands out messages in the order in which they are put, and sees to each until its
// Source has been told what became of it. It has a goroutine while it has messages. It is
// safe for concurrent use.
type Lane struct {
	output *Output
	// signal has one slot: there is something in the fields below.
	signal chan struct{}

	mu       sync.Mutex // guards what follows
	mail     []func(l *Lane)
	put      []*Message
	answers  []*Message // that were waited for
	running  bool
	stopping bool
	// abandoned is why answers are not waited for any more.
	abandoned error
	ended     chan struct{} // closed when the lane has no messages and is closing

	// What follows is the goroutine's.
	work
}

// Put takes messages over, in this order. It does not wait. The Budget must have had room
// for them. A lane that is stopped releases them.
func (l *Lane) Put(messages []*Message) {
	if len(messages) == 0 {
		return
	}
	size := 0
	for _, m := range messages {
		m.lane, m.origin = l, m.Source
		m.size = len(m.Stored.Body) + len(m.Stored.Properties)
		size += m.size
	}
	l.output.budget.came(len(messages), size)
	l.mu.Lock()
	l.put = append(l.put, messages...)
	if !l.running {
		l.start()
	}
	l.wakeIfRunning()
}

// post has the lane's goroutine do something, if there is one: all that is posted is about
// messages that are not settled.
func (l *Lane) post(do func(l *Lane)) {
	l.mu.Lock()
	if l.running {
		l.mail = append(l.mail, do)
	}
	l.wakeIfRunning()
}

// answered says that a message that was waited for has an answer.
func (l *Lane) answered(m *Message) {
	l.mu.Lock()
	if l.running {
		l.answers = append(l.answers, m)
	}
	l.wakeIfRunning()
}

// start starts the goroutine. mu is held.
func (l *Lane) start() {
	l.running = true
	l.sends = l.output.enter() // now, so that Drain waits for it
	go l.run()
}

// wakeIfRunning has the goroutine look, if there is one. mu is held, and unlocked.
func (l *Lane) wakeIfRunning() {
	running := l.running
	l.mu.Unlock()
	if running {
		select {
		case l.signal <- struct{}{}:
		default:
		}
	}
}

// stop has what waits released. It does not wait for it.
func (l *Lane) stop() {
	l.mu.Lock()
	l.stopping = true
	l.wakeIfRunning()
}

// abandon ends the wait for answers.
func (l *Lane) abandon(cause error) {
	l.mu.Lock()
	l.stopping = true
	if l.abandoned == nil {
		l.abandoned = cause
	}
	l.wakeIfRunning()
}

// Close releases what waits, and waits for the answers to what is handed out until ctx
// ends: then the contexts of these messages end with the cause ErrQueueLost, and they are
// released. When it returns no message of the lane will be told of to its Source. It may be
// called once.
func (l *Lane) Close(ctx context.Context) {
	l.stop()
	l.mu.Lock()
	ended := make(chan struct{})
	if l.running {
		l.ended = ended
	} else {
		close(ended)
	}
	l.mu.Unlock()
	select {
	case <-ended:
	case <-ctx.Done():
		l.abandon(ErrQueueLost)
		<-ended
	}
	l.output.forget(l)
}

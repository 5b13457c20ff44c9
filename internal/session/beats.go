package session

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// heartbeatTimeout bounds one heartbeat.
const heartbeatTimeout = 3 * time.Second

// beats sends heartbeats, one at a time to each broker. Each replaces what the broker
// knows of the session's consumer groups, so one that says less than another must not
// overtake it. Calls that come while a heartbeat is under way share the next one.
type beats struct {
	s  *Session
	wg sync.WaitGroup // one for each flight

	mu      sync.Mutex // guards what follows
	flights map[string]*flight
	// ctx ends the heartbeats that are under way: with giveUp, or the session.
	ctx    context.Context
	giveUp context.CancelFunc
	closed bool
}

// flight is the heartbeats to one address, for as long as somebody asks for another. Its
// goroutine is fly.
type flight struct {
	current, next *beat // guarded by beats.mu
	// greeted says that the address was connected to while the current one was under way.
	greeted bool
}

// beat is one heartbeat and those who wait for it.
type beat struct {
	done chan struct{} // closed when err is set
	err  error
	// anew says that the connection is to be new to the broker, see Member.Renew. It is
	// guarded by beats.mu until the heartbeat begins.
	anew bool
}

func newBeats(s *Session) *beats {
	b := &beats{s: s, flights: make(map[string]*flight)}
	b.ctx, b.giveUp = context.WithCancel(context.Background())
	return b
}

// send has a heartbeat begin that says what the session says now, or later, and waits for
// the broker's answer. Without anybody to speak for it returns nil and sends nothing.
func (b *beats) send(ctx context.Context, addr string) error {
	one, err := b.join(addr, false)
	if err != nil {
		return err
	}
	return one.wait(ctx)
}

// renew is send for a heartbeat that makes the connection new to the broker.
func (b *beats) renew(ctx context.Context, addr string) error {
	one, err := b.join(addr, true)
	if err != nil {
		return err
	}
	return one.wait(ctx)
}

// wait waits for the broker's answer.
func (one *beat) wait(ctx context.Context) error {
	select {
	case <-one.done:
		return one.err
	case <-ctx.Done():
		return ctxerr.Of(ctx)
	}
}

// join returns the next heartbeat to addr, which has not begun.
func (b *beats) join(addr string, anew bool) (*beat, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	f := b.flights[addr]
	if f == nil {
		f = &flight{}
		b.flights[addr] = f
		b.wg.Go(func() { b.fly(addr, f) })
	}
	if f.next == nil {
		f.next = &beat{done: make(chan struct{})}
	}
	f.next.anew = f.next.anew || anew
	return f.next, nil
}

// fly sends the heartbeats of one address. It ends when nobody asks for another.
func (b *beats) fly(addr string, f *flight) {
	for {
		b.mu.Lock()
		one := f.next
		if one == nil {
			delete(b.flights, addr)
			b.mu.Unlock()
			return
		}
		f.current, f.next, f.greeted = one, nil, false
		ctx := b.ctx
		b.mu.Unlock()

		one.err = b.invoke(ctx, addr, one.anew)
		if one.err != nil && b.isOwed(addr, f, one.err) {
			_, _ = b.join(addr, false) // it fails only if there is nobody to speak for any more
		}
		close(one.done)
	}
}

// invoke sends one heartbeat. What it says is asked for now: a goodbye waits for what is
// under way, see await, and not for what begins later.
func (b *beats) invoke(ctx context.Context, addr string, anew bool) error {
	body := b.s.heartbeatBody()
	if body == nil {
		return nil // nobody to speak for
	}
	var goodbye error
	if anew && slices.Contains(b.s.client.Connected(), addr) { // else it is new anyway
		goodbye = b.leave(ctx, addr)
	}
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	// A goodbye without an answer may be acted on all the same.
	_, err := headers.Successful(b.s.client.Invoke(ctx, addr, headers.Heartbeat{}, body))
	return cmp.Or(err, goodbye)
}

// leave is the goodbye before a heartbeat that makes the connection new.
func (b *beats) leave(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, heartbeatTimeout)
	defer cancel()
	return b.s.leaveProducers(ctx, addr)
}

// isOwed reports whether a heartbeat that has failed was lost with its connection while
// somebody else opened the next one, which has carried none then.
func (b *beats) isOwed(addr string, f *flight, err error) bool {
	b.mu.Lock()
	greeted := f.greeted
	b.mu.Unlock()
	return greeted && !errors.Is(err, context.DeadlineExceeded) && slices.Contains(b.s.client.Connected(), addr)
}

// expects notes that addr has been connected to, and reports whether a heartbeat to it is
// under way already. A connection that a heartbeat has opened carries that heartbeat. To
// ask for another would never end with a broker that hangs: each heartbeat that times out
// costs the connection, so that the next one opens a new one.
func (b *beats) expects(addr string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.flights[addr]
	if f != nil {
		f.greeted = true
	}
	return f != nil
}

// isUnderWay reports whether a heartbeat to addr is under way.
func (b *beats) isUnderWay(addr string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.flights[addr] != nil
}

// await waits for the heartbeat that is under way to a broker: it may still name a group
// that the broker is to forget. It reports false if ctx has ended before.
func (b *beats) await(ctx context.Context, addr string) bool {
	b.mu.Lock()
	var current *beat
	if f := b.flights[addr]; f != nil {
		current = f.current
	}
	b.mu.Unlock()
	if current == nil {
		return true
	}
	select {
	case <-current.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// end gives up the heartbeats that are under way: there is nobody to speak for any more.
func (b *beats) end() {
	b.mu.Lock()
	giveUp := b.giveUp
	if !b.closed {
		b.ctx, b.giveUp = context.WithCancel(context.Background())
	}
	b.mu.Unlock()
	giveUp()
}

// close gives up all heartbeats and waits for the goroutines.
func (b *beats) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.end()
	b.wg.Wait()
}

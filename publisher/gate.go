package publisher

import (
	"context"
	"slices"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
)

// WaitingConfig bounds the messages that are not yet published. A call that is
// over a limit by itself goes on when it is alone.
type WaitingConfig struct {
	// Messages is 65536 by default.
	Messages int
	// Bytes of payload, UUID and metadata. 64 MiB by default.
	Bytes int
}

// gate bounds what all Publish calls together hold in memory. A call enters with
// all of its messages, in the order of coming, and leaves when it returns.
type gate struct {
	limit WaitingConfig

	mu     sync.Mutex // guards what follows
	inside WaitingConfig
	queue  []*visitor
}

// visitor is a call that waits at the gate.
type visitor struct {
	need WaitingConfig
	in   chan struct{} // closed when it is in
}

// enter waits until there is room for need. A need that is over the limit by
// itself gets in when it is alone. False means that done or cut was closed first.
func (g *gate) enter(need WaitingConfig, done, cut <-chan struct{}) bool {
	g.mu.Lock()
	if g.enterNow(need) {
		g.mu.Unlock()
		return true
	}
	v := &visitor{need: need, in: make(chan struct{})}
	g.queue = append(g.queue, v)
	g.mu.Unlock()
	select {
	case <-v.in:
		return true
	case <-done:
	case <-cut:
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.queue, v)
	if at < 0 {
		return true // it was let in just now
	}
	g.queue = slices.Delete(g.queue, at, at+1)
	g.admit() // it may have stood before smaller ones
	return false
}

// tryEnter is enter for a call that finds room.
func (g *gate) tryEnter(need WaitingConfig) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.enterNow(need)
}

// enterNow enters if nobody waits and there is room. mu is held.
func (g *gate) enterNow(need WaitingConfig) bool {
	if len(g.queue) > 0 || !g.fits(need) {
		return false
	}
	g.add(need)
	return true
}

// leave gives the room of need to those who wait.
func (g *gate) leave(need WaitingConfig) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside.Messages -= need.Messages
	g.inside.Bytes -= need.Bytes
	g.admit()
}

// admit lets in those at the head of the queue that fit. mu is held.
func (g *gate) admit() {
	for len(g.queue) > 0 && g.fits(g.queue[0].need) {
		g.add(g.queue[0].need)
		close(g.queue[0].in)
		g.queue = slices.Delete(g.queue, 0, 1)
	}
}

func (g *gate) fits(need WaitingConfig) bool {
	return g.inside.Messages == 0 ||
		g.inside.Messages+need.Messages <= g.limit.Messages && g.inside.Bytes+need.Bytes <= g.limit.Bytes
}

func (g *gate) add(need WaitingConfig) {
	g.inside.Messages += need.Messages
	g.inside.Bytes += need.Bytes
}

// needOf says what messages count at the gate. Their sizes are those before
// encoding, since it is the encoding that the gate keeps small.
func needOf(messages []*message.Message) WaitingConfig {
	need := WaitingConfig{Messages: len(messages)}
	for _, msg := range messages {
		need.Bytes += len(msg.UUID) + len(msg.Payload)
		for name, value := range msg.Metadata {
			need.Bytes += len(name) + len(value)
		}
	}
	return need
}

// waitAtGate lets the call in when there is room, or says at which of its messages the wait ended:
// one whose context is over, or else the first.
func (p *Publisher) waitAtGate(c *call, messages []*message.Message, need WaitingConfig) (at int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.SendTimeout-p.now().Sub(c.began))
	defer cancel()
	for _, msg := range messages {
		stop := context.AfterFunc(msg.Context(), cancel)
		defer stop()
	}
	if p.gate.enter(need, ctx.Done(), p.cut) {
		return 0, nil
	}
	for i, msg := range messages {
		if err := contextError(msg.Context()); err != nil {
			return i, err
		}
	}
	select {
	case <-p.cut:
		return 0, ErrClosed
	default:
		return 0, ErrSendTimeout
	}
}

package nullbroker

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Name is the broker's name in routes, Queues the number of queues of every topic.
const (
	Name   = "null"
	Queues = 8
)

// Broker is a running null broker. Every topic exists. Its methods are safe for
// concurrent use.
type Broker struct {
	listener net.Listener
	accepted sync.WaitGroup

	mu     sync.Mutex // guards conns, topics and closed
	conns  map[net.Conn]struct{}
	topics map[string]*topic
	closed bool
}

// topic counts what was sent to each queue.
type topic [Queues]atomic.Int64

// Start listens on a free port of 127.0.0.1.
func Start() (*Broker, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("nullbroker: %w", err)
	}
	b := &Broker{listener: l, conns: map[net.Conn]struct{}{}, topics: map[string]*topic{}}
	b.accepted.Go(b.accept)
	return b, nil
}

// Addr is where it listens, as name server and as broker.
func (b *Broker) Addr() string { return b.listener.Addr().String() }

// Close ends all connections and waits for their goroutines.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.closed = true
	for nc := range b.conns {
		_ = nc.Close() // its goroutine sees the error
	}
	b.mu.Unlock()
	err := b.listener.Close()
	b.accepted.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("nullbroker: %w", err)
	}
	return nil
}

// accept serves connections until the listener is closed.
func (b *Broker) accept() {
	for {
		nc, err := b.listener.Accept()
		if err != nil {
			return
		}
		if !b.add(nc) {
			_ = nc.Close()
			return
		}
		b.accepted.Go(func() {
			defer b.remove(nc)
			newConn(b, nc).serve()
		})
	}
}

func (b *Broker) add(nc net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.conns[nc] = struct{}{}
	return true
}

func (b *Broker) remove(nc net.Conn) {
	_ = nc.Close() // for the second time, if Close was first
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, nc)
}

// topic returns the counts of a topic.
func (b *Broker) topic(name []byte) *topic {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[string(name)]
	if t == nil {
		t = new(topic)
		b.topics[string(name)] = t
	}
	return t
}

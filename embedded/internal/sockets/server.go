package sockets

import (
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/memnet"
)

// ErrClosed means that a server was closed for good.
var ErrClosed = errors.New("embedded: the cluster is closed")

// Conn is a connection of a server.
type Conn interface {
	comparable
	// Run works until the connection ends.
	Run()
	// Close cuts the connection. It may be called from anywhere, more than once.
	Close()
}

// Server accepts connections at one address. It can stop and start again, also at another
// address. It is safe for concurrent use.
type Server[C Conn] struct {
	name    string
	network *memnet.Network // nil for TCP
	connect func(net.Conn) C
	ended   func(C)

	wg sync.WaitGroup // the accept loop and the goroutines of connections

	mu        sync.Mutex // guards the fields below, held for map and field work only; the network's is taken under it
	addr      string     // the last one, also while stopped
	listener  net.Listener
	listening bool
	term      int  // counts the starts
	closed    bool // for good: no goroutine starts any more
	conns     map[C]struct{}
	accepted  int
}

// NewServer makes a server that is not started. connect makes a connection of what was
// accepted, ended is called once for each, after its end. network is nil for TCP.
func NewServer[C Conn](name string, network *memnet.Network, connect func(net.Conn) C, ended func(C)) *Server[C] {
	return &Server[C]{name: name, network: network, connect: connect, ended: ended, conns: make(map[C]struct{})}
}

// Start listens on addr. In memory the network calls serve; else the accept loop
// does. The term is for StopTerm and Runs.
func (s *Server[C]) Start(addr string) (term int, err error) {
	if s.network != nil {
		return s.startInMemory(addr)
	}
	listener, err := Listen(addr)
	if err != nil {
		return 0, err
	}
	if term, err = s.startWith(listener); err != nil {
		listener.Close()
	}
	return term, err
}

func (s *Server[C]) startWith(listener net.Listener) (term int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listening {
		return 0, s.notStarted()
	}
	s.addr = listener.Addr().String()
	s.listener = listener
	s.listening = true
	s.term++
	term = s.term
	// Ends when Stop closes the listener; Wait waits for it.
	s.wg.Go(func() { s.accept(listener, term) })
	return term, nil
}

// startInMemory changes the server and the network in one step, as Stop does:
// otherwise a stop in between would leave an acceptor behind that nobody removes.
func (s *Server[C]) startInMemory(addr string) (term int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listening {
		return 0, s.notStarted()
	}
	term = s.term + 1
	if err := s.network.Listen(addr, func(nc net.Conn) bool { return s.serve(nc, term) }); err != nil {
		return 0, err
	}
	s.term = term
	s.addr, s.listening = addr, true
	return term, nil
}

// notStarted is why s cannot start. The caller holds s.mu.
func (s *Server[C]) notStarted() error {
	if s.closed {
		return ErrClosed
	}
	return errors.New("embedded: " + s.name + " runs already")
}

// accept takes connections until the listener is closed.
func (s *Server[C]) accept(l net.Listener, term int) {
	for {
		nc, err := l.Accept()
		switch {
		case err == nil:
			if !s.serve(nc, term) {
				nc.Close()
			}
		case errors.Is(err, net.ErrClosed):
			return
		default: // such as too many open files
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// serve begins to work on a new connection. It reports whether s takes it: a
// connection from before a stop must not slip into the term that follows.
func (s *Server[C]) serve(nc net.Conn, term int) bool {
	c := s.connect(nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listening || s.closed || s.term != term {
		return false
	}
	s.conns[c] = struct{}{}
	s.accepted++
	// Ends when the connection does; Stop closes it and Wait waits for it.
	s.wg.Go(func() {
		c.Run()
		s.forget(c)
	})
	return true
}

// Spawn runs f in a goroutine that Wait waits for. It reports whether it did.
func (s *Server[C]) Spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(f)
	return true
}

func (s *Server[C]) forget(c C) {
	c.Close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.ended(c)
}

// Stop refuses new connections and cuts those that are there. It does not wait
// for their goroutines.
func (s *Server[C]) Stop() { s.StopTerm(anyTerm) }

// anyTerm is no term: the first start begins term 1.
const anyTerm = 0

// StopTerm is Stop unless s has been started again since that term.
func (s *Server[C]) StopTerm(term int) {
	s.mu.Lock()
	if term != anyTerm && term != s.term {
		s.mu.Unlock()
		return
	}
	listener := s.listener
	conns := slices.Collect(maps.Keys(s.conns))
	if s.listening && s.network != nil {
		s.network.Unlisten(s.addr)
	}
	s.listening, s.listener = false, nil
	s.mu.Unlock()
	if listener != nil {
		listener.Close()
	}
	for _, c := range conns {
		c.Close()
	}
}

// Close stops s for good. Wait waits for its goroutines.
func (s *Server[C]) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Stop()
}

// Wait waits for all goroutines of s.
func (s *Server[C]) Wait() { s.wg.Wait() }

// Name is the server's name, such as "broker-a".
func (s *Server[C]) Name() string { return s.name }

// Addr is the address that s listens on, or did before it was stopped.
func (s *Server[C]) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Runs reports whether s has not been stopped since that term began.
func (s *Server[C]) Runs(term int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listening && s.term == term
}

// Running reports whether s takes connections.
func (s *Server[C]) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listening
}

// Connections returns the open connections, in no order.
func (s *Server[C]) Connections() []C {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// Counts says how many connections were accepted and how many of them are open.
func (s *Server[C]) Counts() (accepted, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted, len(s.conns)
}

package embedded

import (
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// handler is what answers the requests of a server: a broker or a name server.
// Its methods are called by the goroutines of connections, several at a time,
// without any lock held.
type handler interface {
	handle(rq *request) answer
	// disconnected is called once for each connection, after its end.
	disconnected(c *conn)
}

// request is one request on its way through a handler. Its command aliases the
// connection's buffer: what outlives handle has to be copied.
type request struct {
	conn *conn
	cmd  headers.Command
	// contended: see Contended.
	contended bool
}

// code is the request's code.
func (rq *request) code() headers.RequestCode { return headers.RequestCode(rq.cmd.Code) }

// reply says where the answer to a request belongs. It outlives the request.
type reply struct {
	conn          *conn
	opaque        int32
	serialization headers.Serialization
	oneway        bool
}

func (rq *request) reply() reply {
	return reply{rq.conn, rq.cmd.Opaque, rq.cmd.Serialization, rq.cmd.IsOneway()}
}

// answer is what a handler has to say to a request.
type answer struct {
	code   headers.ResponseCode
	remark string
	fields headers.FieldAppender
	body   []byte
	// inJSON is set when the header is in JSON, whatever the request's is.
	inJSON bool
	// none is set when there is no answer, or when it comes later.
	none bool
}

// noCode is the remark of a success that RocketMQ's processors left as it was made.
const noCode = "not set any response code"

// refuse is an answer that only says why not.
func refuse(code headers.ResponseCode, remark string) answer {
	return answer{code: code, remark: remark}
}

// server accepts connections at one address and feeds their requests to a
// handler. It can stop and start again, also at another address.
type server struct {
	cluster *Cluster
	name    string
	handler handler

	wg sync.WaitGroup // the accept loop and the goroutines of connections

	mu        sync.Mutex // guards the fields below, held for map and field work only; the network's is taken under it
	addr      string     // the last one, also while stopped
	listener  net.Listener
	listening bool
	term      int  // counts the starts
	closed    bool // for good: no goroutine starts any more
	conns     map[*conn]struct{}
	accepted  int
	requests  map[headers.RequestCode]int
}

func newServer(c *Cluster, name string, h handler) *server {
	return &server{
		cluster: c, name: name, handler: h,
		conns:    make(map[*conn]struct{}),
		requests: make(map[headers.RequestCode]int),
	}
}

var errClosed = errors.New("embedded: the cluster is closed")

// start listens on addr. In memory the network calls serve; else the accept loop
// does. The term is for stopTerm and runs.
func (s *server) start(addr string) (term int, err error) {
	if s.cluster.cfg.inMemory {
		return s.startInMemory(addr)
	}
	listener, err := sockets.Listen(addr)
	if err != nil {
		return 0, err
	}
	if term, err = s.startWith(listener); err != nil {
		listener.Close()
	}
	return term, err
}

func (s *server) startWith(listener net.Listener) (term int, err error) {
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
	// Ends when stop closes the listener; wait waits for it.
	s.wg.Go(func() { s.accept(listener, term) })
	return term, nil
}

// startInMemory changes the server and the network in one step, as stop does:
// otherwise a stop in between would leave an acceptor behind that nobody removes.
func (s *server) startInMemory(addr string) (term int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listening {
		return 0, s.notStarted()
	}
	term = s.term + 1
	if err := s.cluster.network.Listen(addr, func(nc net.Conn) bool { return s.serve(nc, term) }); err != nil {
		return 0, err
	}
	s.term = term
	s.addr, s.listening = addr, true
	return term, nil
}

// notStarted is why s cannot start. The caller holds s.mu.
func (s *server) notStarted() error {
	if s.closed {
		return errClosed
	}
	return errors.New("embedded: " + s.name + " runs already")
}

// accept takes connections until the listener is closed.
func (s *server) accept(l net.Listener, term int) {
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
func (s *server) serve(nc net.Conn, term int) bool {
	c := newConn(s, nc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.listening || s.closed || s.term != term {
		return false
	}
	s.conns[c] = struct{}{}
	s.accepted++
	// Ends when the connection does; stop closes it and wait waits for it.
	s.wg.Go(func() {
		c.run()
		s.forget(c)
	})
	return true
}

// spawn runs f in a goroutine that wait waits for. It reports whether it did.
func (s *server) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(f)
	return true
}

func (s *server) forget(c *conn) {
	c.close()
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.handler.disconnected(c)
}

// stop refuses new connections and cuts those that are there. It does not wait
// for their goroutines, so that an intercepting function may call it.
func (s *server) stop() { s.stopTerm(anyTerm) }

// anyTerm is no term: the first start begins term 1.
const anyTerm = 0

// stopTerm is stop unless s has been started again since that term.
func (s *server) stopTerm(term int) {
	s.mu.Lock()
	if term != anyTerm && term != s.term {
		s.mu.Unlock()
		return
	}
	listener := s.listener
	conns := slices.Collect(maps.Keys(s.conns))
	if s.listening && s.cluster.cfg.inMemory {
		s.cluster.network.Unlisten(s.addr)
	}
	s.listening, s.listener = false, nil
	s.mu.Unlock()
	if listener != nil {
		listener.Close()
	}
	for _, c := range conns {
		c.close()
	}
}

// close stops s for good. wait waits for its goroutines.
func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
}

func (s *server) wait() { s.wg.Wait() }

func (s *server) address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// runs reports whether s has not been stopped since that term began.
func (s *server) runs(term int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listening && s.term == term
}

func (s *server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listening
}

func (s *server) count(code headers.RequestCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.requests[code]; known || len(s.requests) < countedMost {
		s.requests[code]++
	}
}

// connections returns the open connections in the order of their clients'
// addresses.
func (s *server) connections() []*conn {
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	slices.SortFunc(conns, func(a, b *conn) int { return strings.Compare(a.remoteText, b.remoteText) })
	return conns
}

func (s *server) stats() ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ServerStats{Accepted: s.accepted, Open: len(s.conns), Requests: maps.Clone(s.requests)}
}

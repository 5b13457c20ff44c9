package embedded

import (
	"maps"
	"net"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/memnet"
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
	// goesOn is set if further requests of the connection may be answered before this one.
	goesOn bool
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

// server feeds the requests of its connections to a handler.
type server struct {
	*sockets.Server[*conn]
	cluster *Cluster
	handler handler

	mu       sync.Mutex // guards the field below
	requests map[headers.RequestCode]int
}

func newServer(c *Cluster, name string, h handler) *server {
	s := &server{cluster: c, handler: h, requests: make(map[headers.RequestCode]int)}
	var network *memnet.Network
	if c.cfg.inMemory {
		network = &c.network
	}
	s.Server = sockets.NewServer(name, network, func(nc net.Conn) *conn { return newConn(s, nc) }, h.disconnected)
	return s
}

func (s *server) count(code headers.RequestCode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.requests[code]; known || len(s.requests) < countedMost {
		s.requests[code]++
	}
}

func (s *server) stats() ServerStats {
	accepted, open := s.Counts()
	s.mu.Lock()
	defer s.mu.Unlock()
	return ServerStats{Accepted: accepted, Open: open, Requests: maps.Clone(s.requests)}
}

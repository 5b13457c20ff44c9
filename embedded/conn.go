package embedded

import (
	"net"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// conn is one connection of a server.
type conn struct {
	*sockets.Wire
	srv *server
	// Of the connection's goroutine: sends wait for writeLog; memory for what is to be stored.
	unwritten bool
	records   []byte
}

func newConn(s *server, nc net.Conn) *conn {
	cfg := &s.cluster.cfg
	pushes := headers.JSON
	if s.cluster.behaviour.BinaryAnswers {
		pushes = headers.Binary
	}
	c := &conn{srv: s}
	c.Wire = sockets.NewWire(nc, sockets.WireConfig{
		TLS: cfg.tls, TLSRequired: cfg.tlsRequired, Idle: cfg.idleTimeout, Serialization: pushes, Spawn: s.Spawn, Settle: c.writeLog,
	})
	return c
}

// Run works on requests until the connection ends.
func (c *conn) Run() { c.Serve(c.handle) }

// writeLog has the messages of sends that wait for it written, and takes their answers.
func (c *conn) writeLog() {
	if b, ok := c.srv.handler.(*Broker); ok && c.unwritten {
		c.unwritten = false
		b.log.WriteNow()
	}
}

// handle works on one request. Faults that were asked for come first.
func (c *conn) handle(frame []byte, cmd headers.Command) {
	c.srv.count(headers.RequestCode(cmd.Code))
	if !fields.IsSend(headers.RequestCode(cmd.Code)) {
		c.Settle() // it may take long
	}
	if fault, own := c.srv.cluster.faultFor(c, frame, &cmd); fault.kind != noFault {
		c.suffer(fault, own)
		return
	}
	if b, ok := c.srv.handler.(*Broker); ok && b.keepBack(c, frame) {
		return
	}
	rq := request{conn: c, cmd: cmd, goesOn: true}
	c.send(rq.reply(), c.srv.handler.handle(&rq))
}

// send queues an answer, unless there is none or the request wants none. Flush
// or FlushElsewhere has to follow.
func (c *conn) send(r reply, a answer) {
	if a.none || r.oneway {
		return
	}
	b := &c.srv.cluster.behaviour
	s := b.AnswerIn(r.serialization)
	if a.inJSON {
		s = headers.JSON
	}
	c.Send(func(out []byte) []byte {
		// An answer that fits no frame cannot be: bodies are bounded by the store.
		out, _ = headers.AppendAnswer(out, s, b.Version, r.opaque, a.code, a.remark, a.fields, a.body)
		return out
	})
}

// sendBytes queues bytes that need not be a frame.
func (c *conn) sendBytes(raw []byte) {
	c.Send(func(out []byte) []byte { return append(out, raw...) })
}

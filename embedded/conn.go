package embedded

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	readBuffer = 64 << 10
	// flushSize is how much of answers is gathered while more requests wait in
	// the read buffer.
	flushSize = 64 << 10
	// keepBuffer is the largest write buffer that is kept for the next answers.
	keepBuffer = 1 << 20
	// unwrittenMost is how much of answers and pushes waits for a client that does not
	// read. Beyond it no further request of the client is worked on, and no push is made.
	unwrittenMost = 16 << 20
)

// conn is one connection of a server. Its goroutine reads requests and works on
// them in order; answers are gathered and written when no further request is
// buffered, or by a goroutine of their own when they come from elsewhere (a long
// poll that found a message, a push).
type conn struct {
	srv        *server
	traffic    *sockets.Traffic // the socket; what is above it speaks TLS or not
	remote     netip.AddrPort
	remoteText string
	in         *bufio.Reader // of the connection's goroutine, as is used
	used       int           // bytes of in that the last frame took

	mu      sync.Mutex // guards the fields below, never held while writing
	out     []byte     // answers to be written
	spare   []byte     // the other buffer, while nobody writes
	wire    io.Writer  // nil until TLS has been settled
	writing bool       // someone owns the writing; only they touch wire
	closed  bool
	opaque  int32                          // of the last push
	asked   map[int32]chan headers.Command // who waits for the client's answers
	change  sync.Cond                      // of mu: out was written, or the connection closed
}

func newConn(s *server, nc net.Conn) *conn {
	c := &conn{srv: s, remoteText: nc.RemoteAddr().String()}
	c.change.L = &c.mu
	c.traffic = sockets.NewTraffic(nc, s.cluster.cfg.idleTimeout)
	if s.cluster.cfg.tls == nil {
		c.wire = c.traffic
	}
	if a, err := netip.ParseAddrPort(c.remoteText); err == nil {
		c.remote = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
	}
	return c
}

// run reads and answers requests until the connection ends or carries something
// that is no request. A bad frame ends it at once and without a word, as in
// RocketMQ: where the next frame begins is then unknown.
func (c *conn) run() {
	stream, ok := c.settle()
	if !ok {
		return
	}
	c.in = bufio.NewReaderSize(stream, readBuffer)
	for !c.isClosed() {
		frame, err := c.next()
		if err != nil {
			return
		}
		cmd, err := headers.ParseFrame(frame)
		if err != nil {
			return
		}
		if cmd.IsResponse() {
			c.answered(frame, cmd.Opaque)
		} else {
			c.handle(frame, cmd)
		}
		if !c.frameBuffered() || c.unwritten() >= flushSize {
			c.flush()
			c.awaitRoom()
		}
	}
}

// settle decides between TLS and plain by the first byte.
func (c *conn) settle() (net.Conn, bool) {
	var stream net.Conn = c.traffic
	if cfg := c.srv.cluster.cfg.tls; cfg != nil {
		var first [1]byte
		if _, err := io.ReadFull(c.traffic, first[:]); err != nil {
			return nil, false
		}
		stream = &sockets.Prefixed{Conn: c.traffic, Prefix: first[:]}
		const handshake = 0x16
		if first[0] == handshake {
			stream = tls.Server(stream, cfg)
		} else if c.srv.cluster.cfg.tlsRequired {
			return nil, false
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire = stream
	return stream, true
}

// next returns the next frame without its length. It is valid until the next
// call.
func (c *conn) next() ([]byte, error) {
	if _, err := c.in.Discard(c.used); err != nil {
		return nil, err
	}
	c.used = 0
	length, err := c.in.Peek(headers.FrameLengthSize)
	if err != nil {
		return nil, err
	}
	size, err := headers.FrameSize([headers.FrameLengthSize]byte(length), headers.MaxFrameSize)
	if err != nil {
		return nil, err
	}
	if total := headers.FrameLengthSize + size; total <= c.in.Size() {
		frame, err := c.in.Peek(total)
		if err != nil {
			return nil, err
		}
		c.used = total
		return frame[headers.FrameLengthSize:], nil
	}
	if _, err := c.in.Discard(headers.FrameLengthSize); err != nil {
		return nil, err
	}
	frame := make([]byte, size)
	_, err = io.ReadFull(c.in, frame)
	return frame, err
}

// frameBuffered reports whether a whole further frame has been read already.
func (c *conn) frameBuffered() bool {
	rest := c.in.Buffered() - c.used
	if rest < headers.FrameLengthSize {
		return false
	}
	peeked, err := c.in.Peek(c.used + headers.FrameLengthSize)
	if err != nil {
		return false
	}
	size, err := headers.FrameSize([headers.FrameLengthSize]byte(peeked[c.used:]), headers.MaxFrameSize)
	return err == nil && rest >= headers.FrameLengthSize+size
}

// handle works on one request. Faults that were asked for come first.
func (c *conn) handle(frame []byte, cmd headers.Command) {
	c.srv.count(headers.RequestCode(cmd.Code))
	if fault, own := c.srv.cluster.faultFor(c, frame, &cmd); fault.kind != noFault {
		c.suffer(fault, own)
		return
	}
	if b, ok := c.srv.handler.(*Broker); ok && b.keepBack(c, frame) {
		return
	}
	rq := request{conn: c, cmd: cmd}
	c.send(rq.reply(), c.srv.handler.handle(&rq))
}

// send queues an answer, unless there is none or the request wants none. flush
// or flushElsewhere has to follow.
func (c *conn) send(r reply, a answer) {
	if a.none || r.oneway {
		return
	}
	b := &c.srv.cluster.behaviour
	s := b.answerIn(r.serialization)
	if a.inJSON {
		s = headers.JSON
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	// An answer that fits no frame cannot be: bodies are bounded by the store.
	c.out, _ = headers.AppendAnswer(c.out, s, b.version, r.opaque, a.code, a.remark, a.fields, a.body)
}

// sendBytes queues bytes that need not be a frame.
func (c *conn) sendBytes(raw []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.out = append(c.out, raw...)
	}
}

// push queues a oneway request of the broker to the client and sees to its
// being written. It reports whether the connection is open and has room.
func (c *conn) push(r headers.Request, body []byte) bool { return c.request(r, body, nil) }

// request is push of a request that wants an answer, unless answers is nil. The answer is
// given to that channel, which has room for it. If the connection ends before, the channel
// is closed.
func (c *conn) request(r headers.Request, body []byte, answers chan headers.Command) bool {
	s := headers.JSON
	if c.srv.cluster.behaviour.binaryAnswers {
		s = headers.Binary
	}
	c.mu.Lock()
	if c.closed || c.wire == nil || len(c.out) > unwrittenMost {
		c.mu.Unlock()
		return false
	}
	c.opaque++
	var err error
	c.out, err = headers.AppendRequest(c.out, s, c.opaque, answers == nil, r, body)
	if err == nil && answers != nil {
		if c.asked == nil {
			c.asked = make(map[int32]chan headers.Command)
		}
		c.asked[c.opaque] = answers
	}
	c.mu.Unlock()
	c.flushElsewhere()
	return err == nil
}

// awaitRoom waits while another goroutine has too much to write: a client that sends
// and does not read is read no further, as it would be by TCP.
func (c *conn) awaitRoom() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.writing && !c.closed && len(c.out) > unwrittenMost {
		c.change.Wait()
	}
}

func (c *conn) unwritten() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out)
}

// flush writes what is queued, in the caller's goroutine. If another one is
// writing, that one goes on until nothing is left.
func (c *conn) flush() {
	if c.takeWriting() {
		c.write()
	}
}

// flushElsewhere has a goroutine of its own write what is queued, since the
// caller must not wait for this client. The goroutine ends when nothing is left
// to write or the connection is closed; server.wait waits for it.
func (c *conn) flushElsewhere() {
	if c.takeWriting() && !c.srv.spawn(c.write) {
		c.close()
	}
}

// takeWriting makes the caller the one that writes. It reports false if there is
// nothing to write, or someone else does.
func (c *conn) takeWriting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writing || c.closed || c.wire == nil || len(c.out) == 0 {
		return false
	}
	c.writing = true
	return true
}

// write empties the queue. Only the one that takeWriting let through calls it.
func (c *conn) write() {
	for {
		c.mu.Lock()
		if len(c.out) == 0 || c.closed {
			c.writing = false
			c.mu.Unlock()
			c.change.Broadcast()
			return
		}
		batch, wire := c.out, c.wire
		c.out, c.spare = c.spare[:0], nil
		c.mu.Unlock()
		c.change.Broadcast()

		_, err := wire.Write(batch)
		if err != nil {
			c.close()
		}
		c.mu.Lock()
		if cap(batch) <= keepBuffer {
			c.spare = batch[:0]
		}
		c.mu.Unlock()
	}
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// close cuts the connection. It may be called from anywhere, more than once.
func (c *conn) close() {
	c.mu.Lock()
	closed, asked := c.closed, c.asked
	c.closed, c.asked = true, nil
	c.mu.Unlock()
	for _, answers := range asked {
		close(answers)
	}
	c.change.Broadcast()
	if !closed {
		c.traffic.Close()
	}
}

package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// conn is one connection. Its reader alone reads from the socket. One at a time
// writes to it: the writer, or a caller that finds nothing else on its way.
// Whoever finds that it is broken calls fail.
type conn struct {
	client *connections
	addr   string
	line   *line
	nc     net.Conn
	// socket and in belong to whose turn it is to read.
	socket incoming
	in     frameReader
	// standsBack says that callers may read their own answers: a read that is
	// interrupted must lose nothing, which is known of a plain TCP connection.
	standsBack bool
	// over has room for the one token with which a caller hands over to the reader.
	over chan struct{}
	// eager writes for callers that are alone. Where it is nil, direct says that a
	// small write into an empty socket returns at once.
	eager  *eagerWriter
	direct bool
	opaque atomic.Int32
	// version is what the peer said in its latest answer.
	version atomic.Int32
	// writeBy is the deadline that is set for writes. It belongs to who has held.
	writeBy time.Time

	// kick wakes the writer; its one slot means "look at the queue".
	kick chan struct{}
	// broken is closed by fail.
	broken chan struct{}
	// written is closed when the writer has ended.
	written chan struct{}

	mu      sync.Mutex // guards what follows; held for map and slice work only
	pending map[int32]*call
	queue   []outgoing
	// held says that somebody writes: the writer, or a caller that found nothing
	// else to be written. writing is the batch in his hands. Its calls are
	// answered by him if the connection ends: only he learns what went out.
	held    bool
	writing []outgoing
	taken   time.Time // when writing was taken; belongs to who has held as well
	// lone is the call in writing if no other call is on its way: its answer counts
	// when the write is over.
	lone *call
	// handed says that a caller has left the writing to the writer, and went how
	// much of the one frame has gone by then.
	handed bool
	went   int
	// answers is how many in queue answer requests of the peer, and answerBytes how
	// many bytes these have. answersFull says that one has found no room since the last
	// of them was taken.
	answers     int
	answerBytes int
	answersFull bool
	// doubt is when something was last written that has no answer to come, or
	// whose call was given up: the peer may not have read it. It is zero when a
	// later call has been answered.
	doubt   time.Time
	retired bool
	silence silence
	turn    turn
	heard   bool   // something was read from the peer
	op      string // what failed when the connection ended
	err     error  // why it ended; set once
}

// outgoing is a frame that waits to be written.
type outgoing struct {
	frame  *[]byte
	opaque int32
	// oneway says that the writer settles the call: the peer will not answer.
	oneway bool
	// call is nil for an answer to a request of the peer. It may be touched
	// under conn.mu, and while it is pending, only.
	call *call
}

func newConn(c *connections, addr string, l *line, nc net.Conn) *conn {
	_, plain := nc.(*net.TCPConn)
	cn := &conn{
		client:  c,
		addr:    addr,
		line:    l,
		nc:      nc,
		eager:   newEagerWriter(nc),
		direct:  writesAtOnce(nc),
		kick:    make(chan struct{}, 1),
		broken:  make(chan struct{}),
		written: make(chan struct{}),
		pending: make(map[int32]*call),

		standsBack: plain,
		over:       make(chan struct{}, 1),
	}
	cn.socket.cn = cn
	cn.in = frameReader{in: bufio.NewReaderSize(&cn.socket, readBufferSize), most: c.cfg.MaxFrameSize}
	return cn
}

// writesAtOnce reports whether nc is a TCP connection, whose socket has room for
// a write when the peer has read all that was written before. Others may keep
// the writer until the peer reads.
func writesAtOnce(nc net.Conn) bool {
	if secure, ok := nc.(*tls.Conn); ok {
		nc = secure.NetConn()
	}
	_, ok := nc.(*net.TCPConn)
	return ok
}

// submit encodes a request, registers its call and hands the frame to the
// writer, or writes it when nothing else is on its way: to wake the writer costs
// more than the write. It does not wait for the peer beyond ctx. An error that
// matches errGone means that the connection had ended.
func (cn *conn) submit(ctx context.Context, u *user, r headers.Request, body []byte, oneway bool) (*call, error) {
	c, frame := cn.client.calls.get(), cn.client.frames.Get()
	c.user, c.oneway = u, oneway
	until, mayWrite := cn.patience(ctx)
	for {
		c.opaque = cn.opaque.Add(1)
		op, err := "encode", cn.encode(frame, c, r, body)
		queued, alone := false, false
		if err == nil {
			op = "write"
			queued, alone, err = cn.enqueue(c, frame, mayWrite)
		}
		switch {
		case alone:
			if cn.writeAlone(until) {
				cn.wakeWriter()
			}
			return c, nil
		case queued:
			cn.wakeWriter()
			return c, nil
		case err != nil:
			cn.client.frames.Put(frame)
			cn.client.calls.put(c)
			return nil, &OpError{Op: op, Addr: cn.addr, Err: err}
		}
	}
}

// encode fills frame with the request.
func (cn *conn) encode(frame *[]byte, c *call, r headers.Request, body []byte) (err error) {
	cfg := &cn.client.cfg
	*frame, err = headers.AppendRequest((*frame)[:0], cfg.Serialization, c.opaque, c.oneway, r, body)
	if err == nil {
		err = cfg.checkSize(*frame)
	}
	return err
}

// enqueue registers the call and queues its frame, unless a call that has been
// waiting while the numbers went once around has the same opaque. If alone is true
// the caller, who may write, has to write what is in cn.writing.
func (cn *conn) enqueue(c *call, frame *[]byte, mayWrite bool) (queued, alone bool, err error) {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	switch {
	case cn.err != nil:
		return false, false, fmt.Errorf("%w: %w", errGone, cn.err)
	case cn.retired:
		return false, false, fmt.Errorf("%w: %w", errGone, ErrRetired)
	case c.user.left.Load():
		return false, false, ErrClosed
	}
	if _, used := cn.pending[c.opaque]; used {
		return false, false, nil
	}
	cn.pending[c.opaque] = c
	cn.queue = append(cn.queue, outgoing{frame: frame, opaque: c.opaque, oneway: c.oneway, call: c})
	// The peer has answered all that went before, so it has read it and the
	// socket is empty.
	if !mayWrite || cn.held || len(cn.queue) > 1 || len(cn.pending) > 1 || len(*frame) > gatherSize || !cn.doubt.IsZero() {
		return true, false, nil
	}
	cn.takeLocked()
	return true, true, nil
}

func (cn *conn) wakeWriter() {
	select {
	case cn.kick <- struct{}{}:
	default: // the writer has been told already
	}
}

// wait returns the answer of a submitted call, which it uses up.
func (cn *conn) wait(ctx context.Context, c *call) (headers.Command, error) {
	cn.readOwn(c)
	select {
	case <-c.done:
	case <-ctx.Done():
		if sent, ok := cn.withdraw(c, errors.Is(ctx.Err(), context.DeadlineExceeded)); ok {
			cn.client.calls.put(c)
			return headers.Command{}, &OpError{Op: "wait", Addr: cn.addr, Sent: sent, Err: ctxerr.Of(ctx)}
		}
		<-c.done // the answer was already on its way to us
	}
	answer, err := c.answer, c.err
	cn.client.calls.put(c)
	return answer, err
}

// withdraw takes an unanswered call out of the connection and says whether the
// writer had already taken its frame. ok is false when the call is being
// answered: then its done channel has, or is about to have, the answer.
func (cn *conn) withdraw(c *call, timedOut bool) (sent, ok bool) {
	cn.mu.Lock()
	if cn.pending[c.opaque] != c {
		cn.mu.Unlock()
		return false, false
	}
	sent = cn.takeBack(c)
	stalled := timedOut && sent && !c.oneway && cn.silence.add(c.taken, time.Now(), c.user.stall) >= c.user.stall
	cn.unlock()
	if stalled {
		cn.fail("wait", ErrStalled)
	}
	return sent, true
}

// takeBack takes a pending call out of the connection, and says whether its frame may
// have gone. mu is held.
func (cn *conn) takeBack(c *call) (sent bool) {
	delete(cn.pending, c.opaque)
	if !c.taken.IsZero() {
		cn.doubt = time.Now()
		return true
	}
	at := slices.IndexFunc(cn.queue, func(o outgoing) bool { return o.call == c })
	cn.client.frames.Put(cn.queue[at].frame)
	cn.queue = slices.Delete(cn.queue, at, at+1)
	return false
}

// abandon answers the pending calls of a user with ErrClosed.
func (cn *conn) abandon(u *user) {
	var ended []*call
	cn.mu.Lock()
	for _, c := range cn.pending {
		if c.user == u {
			ended = append(ended, c)
		}
	}
	for _, c := range ended {
		c.err = &OpError{Op: "wait", Addr: cn.addr, Sent: cn.takeBack(c), Err: ErrClosed}
	}
	cn.unlock()
	for _, c := range ended {
		c.finish()
	}
}

// settle gives an answer to the pending call with its opaque number. There is
// none when its caller gave up: then the answer is dropped, as is one to a
// request that is not written yet or wants none, which only a broken peer sends.
// One to a lone request that is being written counts when the write is over, if it has
// gone out whole. Of several requests in one write the first may have been read, and
// answered, while the rest waits.
//
// A server that shuts down gracefully answers GO_AWAY: calls to come dial anew,
// and this connection ends with the last of those under way. It is this one
// that is meant, which the client may have replaced already.
func (cn *conn) settle(answer headers.Command) {
	if headers.ResponseCode(answer.Code) == headers.GoAway {
		// First, so that who gets the answer does not find the connection again.
		cn.client.forget(cn)
		defer cn.retire()
	}
	cn.mu.Lock()
	c := cn.pending[answer.Opaque]
	if c == nil || c.taken.IsZero() || c.oneway {
		cn.mu.Unlock()
		return
	}
	if v := int32(answer.Version); cn.version.Load() != v {
		cn.version.Store(v)
	}
	if c == cn.lone {
		if !c.early {
			c.early, c.answer = true, answer
		}
		cn.mu.Unlock()
		return
	}
	delete(cn.pending, answer.Opaque)
	if c.taken.After(cn.doubt) {
		cn.doubt = time.Time{} // bytes are read in their order
	}
	cn.unlock()
	c.answer = answer
	c.finish()
}

// retire lets the connection end with its last pending call.
func (cn *conn) retire() {
	cn.mu.Lock()
	cn.retired = true
	cn.unlock()
}

// unlock releases mu after a change that may have left a retired connection
// with nothing to carry, and then ends it.
func (cn *conn) unlock() {
	last := cn.retired && len(cn.pending) == 0
	cn.mu.Unlock()
	if last {
		cn.fail("wait", ErrRetired)
	}
}

// fail ends the connection, once: it answers the pending calls and closes the
// socket. Anybody may call it; it waits for nothing. The reader ends with it, so
// that it is called for each connection.
func (cn *conn) fail(op string, err error) {
	cn.mu.Lock()
	if cn.err != nil {
		cn.mu.Unlock()
		return
	}
	cn.op, cn.err = op, err
	lost := cn.pending
	cn.pending, cn.queue = make(map[int32]*call), nil
	for _, o := range cn.writing {
		if c := lost[o.opaque]; c != nil && o.call != nil {
			delete(lost, o.opaque)
			cn.pending[o.opaque] = c // the writer will answer it
		}
	}
	cn.mu.Unlock()

	// Closing may take seconds: TLS says goodbye first. fail may be run by a
	// caller whose time is up.
	go func() {
		defer cn.client.wg.Done() // counted since the dial
		_ = cn.nc.Close()         // the connection is given up: err is the error that counts
	}()
	close(cn.broken)
	cn.client.forget(cn)
	for _, c := range lost {
		sent := !c.taken.IsZero() && !errors.Is(err, ErrCertificateRefused)
		c.err = &OpError{Op: op, Addr: cn.addr, Sent: sent, Err: err}
		c.finish()
	}
}

// requests returns how many calls have no answer yet.
func (cn *conn) requests() int {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return len(cn.pending)
}

// cause returns why the connection ended.
func (cn *conn) cause() error {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return cn.err
}

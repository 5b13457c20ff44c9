package sockets

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// flushSize is how much of answers is gathered while more requests wait in
	// the read buffer.
	flushSize = 64 << 10
	// UnwrittenMost is how much of answers and pushes waits for a client that does not
	// read. Beyond it no further request of the client is worked on, and no push is made.
	UnwrittenMost = 16 << 20
)

// WireConfig sets up a Wire.
type WireConfig struct {
	// TLS is nil for plain connections only, TLSRequired refuses those.
	TLS         *tls.Config
	TLSRequired bool
	// Idle is how long a connection may be without traffic either way.
	Idle time.Duration
	// Serialization is that of requests to the client.
	Serialization headers.Serialization
	// Spawn runs a func in a goroutine that somebody waits for, and reports whether it does.
	Spawn func(func()) bool
	// Settle is called by the connection's goroutine before it writes what was queued, for
	// answers that need no other goroutine, and when it ends.
	Settle func()
}

// Wire is one connection of a server. Its goroutine reads requests and has them worked on
// in order; answers are gathered and written when no further request is buffered, or by a
// goroutine of their own when they come from elsewhere (a long poll that found a message, a
// push).
type Wire struct {
	// Remote is the client's address, and RemoteText as it is written.
	Remote     netip.AddrPort
	RemoteText string

	cfg     WireConfig
	traffic *Traffic // the socket; what is above it speaks TLS or not
	out     Outbox   // answers and pushes
	asked   Questions
	settles atomic.Bool // the connection's goroutine is in Settle, and writes afterwards
}

// NewWire makes one of a connection that was accepted.
func NewWire(nc net.Conn, cfg WireConfig) *Wire {
	w := &Wire{RemoteText: nc.RemoteAddr().String(), cfg: cfg, traffic: NewTraffic(nc, cfg.Idle)}
	w.out.Init()
	if cfg.TLS == nil {
		w.out.Open(w.traffic)
	}
	if a, err := netip.ParseAddrPort(w.RemoteText); err == nil {
		w.Remote = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
	}
	return w
}

// Serve has requests handled until the connection ends or carries something that is no
// request. A bad frame ends it at once and without a word, as in RocketMQ: where the next
// frame begins is then unknown. frame is cmd's memory, which is used again afterwards.
func (w *Wire) Serve(handle func(frame []byte, cmd headers.Command)) {
	stream, ok := w.open()
	if !ok {
		return
	}
	in := NewFrames(stream)
	defer w.Settle()
	for !w.Closed() {
		frame, err := in.Next()
		if err != nil {
			return
		}
		cmd, err := headers.ParseFrame(frame)
		if err != nil {
			return
		}
		if cmd.IsResponse() {
			w.asked.Answered(frame, cmd.Opaque)
		} else {
			handle(frame, cmd)
		}
		if !in.Buffered() || w.out.Len() >= flushSize {
			w.Settle()
			w.Flush()
			// A client that sends and does not read is read no further, as it would be by TCP.
			w.out.AwaitRoom(UnwrittenMost)
		}
	}
}

// Settle calls that of the configuration. It is for the connection's goroutine.
func (w *Wire) Settle() {
	w.settles.Store(true)
	w.cfg.Settle()
	w.settles.Store(false)
}

// open decides between TLS and plain by the first byte.
func (w *Wire) open() (net.Conn, bool) {
	var stream net.Conn = w.traffic
	if w.cfg.TLS != nil {
		var first [1]byte
		if _, err := io.ReadFull(w.traffic, first[:]); err != nil {
			return nil, false
		}
		stream = &Prefixed{Conn: w.traffic, Prefix: first[:]}
		const handshake = 0x16
		if first[0] == handshake {
			stream = tls.Server(stream, w.cfg.TLS)
		} else if w.cfg.TLSRequired {
			return nil, false
		}
	}
	w.out.Open(stream)
	return stream, true
}

// Send queues what add appends: an answer, or bytes that need not be a frame. Flush or
// FlushElsewhere has to follow.
func (w *Wire) Send(add func(out []byte) []byte) { w.out.Add(0, add) }

// Push queues a oneway request of the server to the client and sees to its being written. It
// reports whether the connection is open and has room.
func (w *Wire) Push(r headers.Request, body []byte) bool { return w.Request(r, body, nil) }

// Request is Push of a request that wants an answer, unless answers is nil. The answer is
// given to that channel, which has room for it. If the connection ends before, the channel
// is closed.
func (w *Wire) Request(r headers.Request, body []byte, answers chan headers.Command) bool {
	var err error
	added := w.out.Add(UnwrittenMost, func(out []byte) []byte {
		out, err = headers.AppendRequest(out, w.cfg.Serialization, w.asked.Next(answers), answers == nil, r, body)
		return out
	})
	if added {
		w.FlushElsewhere()
	}
	return added && err == nil
}

// Unwritten is how much waits to be written.
func (w *Wire) Unwritten() int { return w.out.Len() }

// Flush writes what is queued, in the caller's goroutine. If another one is writing, that
// one goes on until nothing is left.
func (w *Wire) Flush() {
	if w.out.Take() {
		w.out.Write(w.Close)
	}
}

// FlushElsewhere has a goroutine of its own write what is queued, since the caller must not
// wait for this client. The goroutine ends when nothing is left to write or the connection
// is closed.
func (w *Wire) FlushElsewhere() {
	if w.out.Take() && !w.cfg.Spawn(func() { w.out.Write(w.Close) }) {
		w.Close()
	}
}

// FlushLater is FlushElsewhere, but when the connection's goroutine settles: it writes what is
// queued itself then.
func (w *Wire) FlushLater() {
	if !w.settles.Load() {
		w.FlushElsewhere()
	}
}

// Closed reports whether Close was called.
func (w *Wire) Closed() bool { return w.out.Closed() }

// Close cuts the connection. It may be called from anywhere, more than once.
func (w *Wire) Close() {
	if !w.out.Close() {
		return
	}
	w.asked.Close()
	w.traffic.Close()
}

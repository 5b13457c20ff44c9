package publisher_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	hostileNameServer = "192.0.2.1:9876"
	hostileBroker     = "192.0.2.2:10911"
)

// hostileNetwork is a network with a name server and a broker that answer as their
// scripts say, for a synctest bubble. When a script is over its server is honest, or
// silent.
type hostileNetwork struct {
	t       *testing.T
	scripts map[string]*script // by address
	silent  bool
	over    chan struct{}
	wg      sync.WaitGroup

	mu    sync.Mutex // guards what follows
	conns []*hostileConn
	sent  int // bytes
}

func newHostileNetwork(t *testing.T, nameServer, broker []byte, silent bool) *hostileNetwork {
	return &hostileNetwork{
		t:       t,
		scripts: map[string]*script{hostileNameServer: {rest: nameServer}, hostileBroker: {rest: broker}},
		silent:  silent,
		over:    make(chan struct{}),
	}
}

// Dial is the publisher's. Routes may name any address; there is nothing at others.
func (n *hostileNetwork) Dial(_ context.Context, _, addr string) (net.Conn, error) {
	s := n.scripts[addr]
	if s == nil {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	c := &hostileConn{n: n, nc: theirs, script: s, nameServer: addr == hostileNameServer, writing: make(chan struct{}, 1)}
	n.mu.Lock()
	n.conns = append(n.conns, c)
	n.mu.Unlock()
	n.wg.Go(c.serve)
	return ours, nil
}

// close ends the servers.
func (n *hostileNetwork) close() {
	close(n.over)
	n.mu.Lock()
	for _, c := range n.conns {
		_ = c.nc.Close() // of a pipe
	}
	n.mu.Unlock()
	n.wg.Wait()
}

// confirmed reports whether a connection has carried a request with the message, and
// an answer to that very request that says the message is stored; or such an answer to
// a request that the server had not read.
func (n *hostileNetwork) confirmed(messageID string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		for opaque, frame := range c.requests {
			if bytes.Contains(frame, []byte(messageID)) && c.confirms(func(of int32) bool { return of == opaque }) {
				return true
			}
		}
		// Requests that share a write may be answered while it is under way, and the
		// server may end before it has read them.
		if c.confirms(func(of int32) bool { return c.requests[of] == nil }) {
			return true
		}
	}
	return false
}

// hostileConn is the server's end of a connection. n.mu guards requests and stream.
type hostileConn struct {
	n          *hostileNetwork
	nc         net.Conn
	script     *script
	nameServer bool
	writing    chan struct{}    // has one token for who writes: a bubble's clock waits for a mutex
	requests   map[int32][]byte // frames by their opaque number
	stream     []byte           // all that the client was sent
}

// confirms looks for an answer to one of those requests that says it is stored, as a
// client would: up to what is no frame.
func (c *hostileConn) confirms(isRequest func(opaque int32) bool) bool {
	for stream := c.stream; len(stream) >= headers.FrameLengthSize; {
		size, err := headers.FrameSize([headers.FrameLengthSize]byte(stream), headers.MaxFrameSize)
		if stream = stream[headers.FrameLengthSize:]; err != nil || len(stream) < size {
			return false
		}
		cmd, err := headers.ParseFrame(stream[:size])
		if err != nil {
			return false
		}
		if cmd.IsResponse() && isRequest(cmd.Opaque) {
			switch headers.ResponseCode(cmd.Code) {
			case headers.Success, headers.FlushDiskTimeout, headers.SlaveNotAvailable, headers.FlushSlaveTimeout:
				return true
			}
		}
		stream = stream[size:]
	}
	return false
}

// serve reads requests and does what the script says to each, until one of the two
// hangs up.
func (c *hostileConn) serve() {
	defer c.nc.Close()
	for {
		frame, err := readRequest(c.nc)
		if err != nil {
			return
		}
		cmd, err := headers.ParseFrame(frame)
		if err != nil {
			c.n.t.Errorf("the client has sent what is no frame: %v", err)
			return
		}
		if cmd.IsResponse() {
			continue // the refusal of what was asked
		}
		c.n.mu.Lock()
		if c.requests == nil {
			c.requests = make(map[int32][]byte)
		}
		c.requests[cmd.Opaque] = frame
		op, scripted := c.script.next()
		var what reaction
		if scripted {
			what = c.react(op, &cmd)
		} else if !c.n.silent {
			what = reaction{send: c.honest(&cmd, headers.JSON, headers.Success)}
		}
		c.n.mu.Unlock()
		if !c.do(what) {
			return
		}
	}
}

func readRequest(r io.Reader) ([]byte, error) {
	var length [headers.FrameLengthSize]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(length[:]))
	_, err := io.ReadFull(r, frame)
	return frame, err
}

// reaction is what a server does.
type reaction struct {
	send   []byte
	after  time.Duration // later, while it goes on
	every  time.Duration // one byte each time, while it goes on
	hangUp bool          // after that
}

// do reports whether the server goes on.
func (c *hostileConn) do(r reaction) bool {
	if r.after == 0 && r.every == 0 {
		return c.write(r.send) && !r.hangUp
	}
	c.n.wg.Go(func() {
		if !c.sleep(r.after) {
			return
		}
		if r.every == 0 {
			c.write(r.send)
			return
		}
		for i := range r.send {
			if !c.sleep(r.every) || !c.write(r.send[i:i+1]) {
				return
			}
		}
	})
	return true
}

// sleep reports whether the network is still there.
func (c *hostileConn) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.n.over:
		return false
	}
}

func (c *hostileConn) write(b []byte) bool {
	c.writing <- struct{}{}
	defer func() { <-c.writing }()
	n, err := c.nc.Write(b)
	c.n.mu.Lock()
	c.stream = append(c.stream, b[:n]...)
	c.n.sent += n
	c.n.mu.Unlock()
	return err == nil
}

// script gives out the bytes of a fuzz input, and zeros after the last.
type script struct{ rest []byte }

// next returns the next byte, if there is one.
func (s *script) next() (byte, bool) {
	if len(s.rest) == 0 {
		return 0, false
	}
	b := s.rest[0]
	s.rest = s.rest[1:]
	return b, true
}

func (s *script) byte() byte {
	b, _ := s.next()
	return b
}

func (s *script) int32() int32 {
	return int32(binary.BigEndian.Uint32([]byte{s.byte(), s.byte(), s.byte(), s.byte()}))
}

// text returns up to 255 bytes.
func (s *script) text() []byte {
	n := min(int(s.byte()), len(s.rest))
	text := s.rest[:n:n]
	s.rest = s.rest[n:]
	return text
}

// pick returns one of the list.
func pick[T any](s *script, list ...T) T { return list[int(s.byte())%len(list)] }

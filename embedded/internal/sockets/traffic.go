// Package sockets has what servers need of connections and ports.
package sockets

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Traffic is a connection whose reads fail when there has been no traffic
// either way for the idle timeout (IdleStateHandler and NettyConnectManageHandler
// of RocketMQ close such a connection). Reads are for one goroutine.
type Traffic struct {
	net.Conn
	idle time.Duration
	last atomic.Int64 // time of the last traffic, in nanoseconds since start
	// start is the zero of last. Differences to it use the monotonic clock.
	start time.Time
	armed bool
}

// NewTraffic watches over nc from now on.
func NewTraffic(nc net.Conn, idle time.Duration) *Traffic {
	return &Traffic{Conn: nc, idle: idle, start: time.Now()}
}

// Read reads. The deadline is not set anew at each read: when it passes, the
// time of the last traffic says whether the connection was idle.
func (t *Traffic) Read(p []byte) (int, error) {
	for {
		if !t.armed {
			if err := t.SetReadDeadline(t.start.Add(time.Duration(t.last.Load()) + t.idle)); err != nil {
				return 0, err
			}
			t.armed = true
		}
		n, err := t.Conn.Read(p)
		if n > 0 {
			t.touch()
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		t.armed = false
		if time.Since(t.start)-time.Duration(t.last.Load()) >= t.idle {
			return 0, err
		}
	}
}

// Write writes, which is traffic.
func (t *Traffic) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.touch()
	return n, err
}

func (t *Traffic) touch() { t.last.Store(int64(time.Since(t.start))) }

// Prefixed gives back bytes that were read from a connection to look at them.
type Prefixed struct {
	net.Conn
	Prefix []byte
}

// Read reads.
func (p *Prefixed) Read(b []byte) (int, error) {
	if len(p.Prefix) > 0 {
		n := copy(b, p.Prefix)
		p.Prefix = p.Prefix[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

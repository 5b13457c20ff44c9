package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// dialGrace is how long a dial may take to return after its context has ended.
// One that does not is abandoned.
const dialGrace = time.Second

// line is what the client has for an address: a connection or the dial that will
// bring one. conn and err are set before ready is closed and not changed after.
type line struct {
	ready chan struct{}
	conn  *conn
	err   error
}

func (l *line) isReady() bool {
	select {
	case <-l.ready:
		return true
	default:
		return false
	}
}

// connect returns the live connection to addr, joins the dial that is under way,
// or starts one.
func (c *Client) connect(ctx context.Context, addr string) (*conn, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, &OpError{Op: "dial", Addr: addr, Err: ErrClosed}
	}
	l := c.lines[addr]
	if l == nil {
		l = &line{ready: make(chan struct{})}
		c.lines[addr] = l
		c.wg.Add(1)
		go c.dial(addr, l)
	}
	c.mu.Unlock()

	if !l.isReady() {
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, &OpError{Op: "dial", Addr: addr, Err: contextError(ctx)}
		}
	}
	return l.conn, l.err
}

// dial brings the connection of l or takes l out of the table. It is run by a
// goroutine of its own, counted in wg, so that a caller that gives up does not
// end the dial for those who wait beside it.
func (c *Client) dial(addr string, l *line) {
	defer c.wg.Done()
	ctx, cancel := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
	defer cancel()
	nc, err := c.open(ctx, addr)

	c.mu.Lock()
	closed := c.closed
	if err != nil || closed {
		delete(c.lines, addr) // it is l: only a line that is ready is replaced
	} else {
		l.conn = newConn(c, addr, l, nc)
		c.conns[l.conn] = struct{}{}
		c.wg.Add(3) // reader, writer, and who closes the socket
	}
	c.mu.Unlock()

	switch {
	case closed:
		if err == nil {
			_ = nc.Close() // never used: there is nothing its error could tell
		}
		l.err = &OpError{Op: "dial", Addr: addr, Err: ErrClosed}
	case err != nil:
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			// Not context.DeadlineExceeded, which would look like the caller's.
			err = fmt.Errorf("no connection within %v: %w (%v)", c.cfg.DialTimeout, os.ErrDeadlineExceeded, err)
		}
		l.err = &OpError{Op: "dial", Addr: addr, Err: err}
	default:
		if c.cfg.Events.Connected != nil {
			c.cfg.Events.Connected(addr)
		}
		go l.conn.writeLoop()
		go l.conn.readLoop()
	}
	close(l.ready)
}

// open waits for the connection, but not for ever if Config.Dial ignores ctx:
// then calls and Close go on without it, and should it bring a connection after
// all, that is closed.
func (c *Client) open(ctx context.Context, addr string) (net.Conn, error) {
	type result struct {
		nc  net.Conn
		err error
	}
	results, abandoned := make(chan result), make(chan struct{})
	go func() {
		nc, err := c.secure(ctx, addr)
		select {
		case results <- result{nc, err}:
		case <-abandoned:
			if err == nil {
				_ = nc.Close() // nobody is left to be told
			}
		}
	}()
	select {
	case r := <-results:
		return r.nc, r.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(dialGrace)
	defer grace.Stop()
	select {
	case r := <-results:
		return r.nc, r.err
	case <-grace.C:
		close(abandoned)
		return nil, fmt.Errorf("dial does not heed its context: %w", ctx.Err())
	}
}

// secure dials and, where asked for, speaks TLS.
func (c *Client) secure(ctx context.Context, addr string) (net.Conn, error) {
	nc, err := c.cfg.Dial(ctx, "tcp", addr)
	if err == nil && nc == nil {
		err = errors.New("Config.Dial returned neither a connection nor an error")
	}
	if err != nil || c.cfg.TLS == nil {
		return nc, err
	}
	cfg := c.cfg.TLS.Clone()
	if cfg.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			_ = nc.Close() // the address is the fault that is reported
			return nil, err
		}
		cfg.ServerName = host
	}
	asked := noteCertificateRequest(cfg)
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // the handshake's error is the one that is reported
		return nil, fmt.Errorf("TLS handshake: %w", certificateRefused(speaksTLS(err, *asked), *asked))
	}
	return tc, nil
}

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// dialGrace is how long a dial may take to return after its context has ended.
// One that does not is abandoned.
const dialGrace = time.Second

// line is what the connections have for an address: a connection or the dial that will
// bring one. conn and err are set before ready is closed and not changed after.
type line struct {
	ready chan struct{}
	conn  *conn
	err   error
	// giveUp ends the dial.
	giveUp context.CancelFunc
	// retired says that the address was retired. Guarded by the connections' mutex.
	retired bool
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
func (c *connections) connect(ctx context.Context, addr string, u *user) (*conn, error) {
	if u.left.Load() {
		return nil, &OpError{Op: "dial", Addr: addr, Err: ErrClosed}
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, &OpError{Op: "dial", Addr: addr, Err: ErrClosed}
	}
	l := c.lines[addr]
	if l == nil {
		dialing, giveUp := context.WithTimeout(c.ctx, c.cfg.DialTimeout)
		l = &line{ready: make(chan struct{}), giveUp: giveUp}
		c.lines[addr] = l
		c.wg.Add(1)
		go c.dial(dialing, addr, l)
	}
	c.mu.Unlock()

	if !l.isReady() {
		select {
		case <-l.ready:
		case <-ctx.Done():
			return nil, &OpError{Op: "dial", Addr: addr, Err: ctxerr.Of(ctx)}
		case <-u.ctx.Done():
			return nil, &OpError{Op: "dial", Addr: addr, Err: ErrClosed}
		}
	}
	return l.conn, l.err
}

// dial brings the connection of l or takes l out of the table. It is run by a
// goroutine of its own, counted in wg, so that a caller that gives up does not
// end the dial for those who wait beside it.
func (c *connections) dial(ctx context.Context, addr string, l *line) {
	defer c.wg.Done()
	defer l.giveUp()
	nc, err := c.open(ctx, addr)

	c.mu.Lock()
	var useless error // why the connection, if there is one, is not used
	switch {
	case c.closed:
		useless = ErrClosed
	case l.retired:
		useless = ErrRetired
	}
	if err != nil || useless != nil {
		if c.lines[addr] == l {
			delete(c.lines, addr)
		}
	} else {
		l.conn = newConn(c, addr, l, nc)
		c.conns[l.conn] = struct{}{}
		c.wg.Add(3) // reader, writer, and who closes the socket
	}
	c.mu.Unlock()

	switch {
	case useless != nil:
		if err == nil {
			_ = nc.Close() // never used: there is nothing its error could tell
		}
		l.err = &OpError{Op: "dial", Addr: addr, Err: useless}
	case err != nil:
		l.err = &OpError{Op: "dial", Addr: addr, Err: c.late(ctx, err)}
	default:
		if c.cfg.Events.Connected != nil {
			c.cfg.Events.Connected(addr)
		}
		go l.conn.writeLoop()
		go l.conn.readLoop()
	}
	c.mu.Lock()
	late := l.retired && l.conn != nil // while Connected ran
	if late {
		l.err = &OpError{Op: "dial", Addr: addr, Err: ErrRetired}
	}
	close(l.ready)
	c.mu.Unlock()
	if late {
		l.conn.retire()
	}
}

// late says of an error of a dial that the time of the dial was over, if it was.
func (c *connections) late(ctx context.Context, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	// Not context.DeadlineExceeded, which would look like the caller's.
	return fmt.Errorf("no connection within %v: %w (%v)", c.cfg.DialTimeout, os.ErrDeadlineExceeded, err)
}

// open waits for the connection, but not for ever if Config.Dial ignores ctx:
// then calls and Close go on without it, and should it bring a connection after
// all, that is closed.
func (c *connections) open(ctx context.Context, addr string) (net.Conn, error) {
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
func (c *connections) secure(ctx context.Context, addr string) (net.Conn, error) {
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

package transport

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/pool"
)

const (
	// newFrameSize is what a buffer for a frame starts with: room for a small
	// message and its header.
	newFrameSize = 2 << 10
	// maxPooledFrame is the largest frame buffer that is kept for reuse: room for
	// a batch of 1 MiB, and what append adds when it grows.
	maxPooledFrame = 2 << 20
)

// Client holds one connection to each address it was asked to call. It is safe
// for concurrent use. Close it when it is no longer needed.
type Client struct {
	cfg    Config
	calls  callPool
	frames pool.Buffers
	chunks pool.Buffers

	// ctx ends the dials under way when the client closes.
	ctx    context.Context
	cancel context.CancelFunc
	// wg counts dials and the goroutines of connections. Adding to it happens
	// under mu with closed checked, or while a goroutine is counted that has not
	// ended, so that it cannot race with Close's Wait.
	wg sync.WaitGroup

	mu    sync.Mutex // guards what follows; never held while dialing or writing
	lines map[string]*line
	// conns has every connection that has not ended, the retired ones too, which
	// have left lines.
	conns  map[*conn]struct{}
	closed bool
}

// New checks cfg and returns a Client. It opens no connection.
func New(cfg Config) (*Client, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg:    cfg,
		frames: pool.Buffers{Fresh: newFrameSize, Most: maxPooledFrame},
		chunks: pool.Buffers{Fresh: gatherSize, Most: gatherSize},
		lines:  make(map[string]*line),
		conns:  make(map[*conn]struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Connect waits until there is a connection to addr, and dials if there is none.
// Invoke does so as well: who calls Connect before it knows that an Invoke that
// does not end is not about the dial. Every error is an *OpError.
func (c *Client) Connect(ctx context.Context, addr string) error {
	if ctx.Err() != nil {
		return &OpError{Op: "wait", Addr: addr, Err: contextError(ctx)}
	}
	_, err := c.connect(ctx, addr)
	return err
}

// Invoke sends a request to addr and waits for its answer, whatever the answer's
// code is, until ctx ends. The answer owns its memory. body and what r refers to
// are read before Invoke returns and not kept.
//
// Every error is an *OpError. A ctx that ends takes the request back if it is
// still waiting to be written; the error matches ctx.Err and its cause.
func (c *Client) Invoke(ctx context.Context, addr string, r headers.Request, body []byte) (headers.Command, error) {
	return c.do(ctx, addr, r, body, false)
}

// InvokeOneway sends a request that the peer does not answer. Nil means that it
// was handed to the network, not that it arrived.
func (c *Client) InvokeOneway(ctx context.Context, addr string, r headers.Request, body []byte) error {
	_, err := c.do(ctx, addr, r, body, true)
	return err
}

func (c *Client) do(ctx context.Context, addr string, r headers.Request, body []byte, oneway bool) (headers.Command, error) {
	if ctx.Err() != nil {
		return headers.Command{}, &OpError{Op: "wait", Addr: addr, Err: contextError(ctx)}
	}
	if c.cfg.Decorate != nil {
		var err error
		if r, err = c.cfg.Decorate(ctx, r, body); err != nil {
			return headers.Command{}, &OpError{Op: "decorate", Addr: addr, Err: err}
		}
	}
	for redialed := false; ; redialed = true {
		cn, err := c.connect(ctx, addr)
		if err != nil {
			return headers.Command{}, err
		}
		call, err := cn.submit(r, body, oneway)
		switch {
		case err == nil:
			return cn.wait(ctx, call)
		case redialed || !errors.Is(err, errGone):
			return headers.Command{}, err
		}
		// The connection ended after it was found and before it had the request.
		// The call has no part in that, so it gets a new one; only one, since a
		// peer that hangs up on every connection must not keep it dialing.
		c.forget(cn)
	}
}

// forget takes the connection's line out of the table, so that the next call
// dials anew.
func (c *Client) forget(cn *conn) {
	c.mu.Lock()
	if c.lines[cn.addr] == cn.line {
		delete(c.lines, cn.addr)
	}
	c.mu.Unlock()
}

// remove notes that the connection has ended.
func (c *Client) remove(cn *conn) {
	c.mu.Lock()
	delete(c.conns, cn)
	c.mu.Unlock()
}

// Retire stops using the connection to addr for new calls, which dial anew, and
// closes it when the calls it carries have been answered. That is what a peer
// asks for that answers GO_AWAY. Without a connection it does nothing.
func (c *Client) Retire(addr string) {
	c.mu.Lock()
	l := c.lines[addr]
	if l == nil || !l.isReady() {
		c.mu.Unlock()
		return
	}
	delete(c.lines, addr)
	c.mu.Unlock()
	if l.conn != nil {
		l.conn.retire()
	}
}

// Connected returns the addresses that have a live connection, sorted.
func (c *Client) Connected() []string {
	c.mu.Lock()
	addrs := make([]string, 0, len(c.lines))
	for addr, l := range c.lines {
		if l.isReady() {
			addrs = append(addrs, addr)
		}
	}
	c.mu.Unlock()
	slices.Sort(addrs)
	return addrs
}

// PeerVersion returns the version that the peer at addr gave in its latest answer
// on the live connection to it, 0 if there is none.
func (c *Client) PeerVersion(addr string) headers.Version {
	c.mu.Lock()
	l := c.lines[addr]
	c.mu.Unlock()
	if l == nil || !l.isReady() || l.conn == nil {
		return 0
	}
	return headers.Version(l.conn.version.Load())
}

// Close ends every connection and every dial, answers all pending calls with
// ErrClosed and waits for the client's goroutines. Requests that are queued but
// not yet written are dropped, so wait for your calls first. Close may be called
// again and while calls are under way, but not from a func of Events. It returns
// nil.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	conns := slices.Collect(maps.Keys(c.conns))
	c.mu.Unlock()
	c.cancel()
	for _, cn := range conns {
		cn.fail("wait", ErrClosed)
	}
	c.wg.Wait()
	return nil
}

package transport

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
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
	all  *connections
	user *user
}

// user is one of the Clients that share connections.
type user struct {
	// ctx ends when the Client is closed, or the one that New has returned.
	ctx    context.Context
	cancel context.CancelFunc
	// shares says that the connections are another Client's.
	shares bool
	// left says that a share is closed. A call that is submitted later is refused.
	left atomic.Bool
	// stall is Config.StallTimeout for the calls of the Client.
	stall time.Duration
}

// connections are what a Client and its shares have together.
type connections struct {
	cfg    Config
	calls  callPool
	frames pool.Buffers
	chunks pool.Buffers

	// ctx ends the dials under way when the client closes.
	ctx    context.Context
	cancel context.CancelFunc
	// wg counts dials and the goroutines of connections, those to come included:
	// adding to it happens under mu with closed checked, or while the dial is
	// counted, so that it cannot race with Close's Wait.
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
	c := &connections{
		cfg:    cfg,
		frames: pool.Buffers{Fresh: newFrameSize, Most: maxPooledFrame},
		chunks: pool.Buffers{Fresh: gatherSize, Most: gatherSize},
		lines:  make(map[string]*line),
		conns:  make(map[*conn]struct{}),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return &Client{all: c, user: &user{ctx: c.ctx, cancel: c.cancel, stall: cfg.StallTimeout}}, nil
}

// Share returns a Client that uses the connections of c, so that there is one to each
// address for both. Its calls are its own, and so is its Close, which ends them with
// ErrClosed and leaves the connections and the calls of others alone. A share has to be
// closed as well. When the Client that New has returned is closed, the calls of all its
// shares end. stallTimeout is Config.StallTimeout for the calls of the share; 0 stands for
// that of c.
func (c *Client) Share(stallTimeout time.Duration) *Client {
	u := &user{shares: true, stall: stallTimeout}
	if stallTimeout <= 0 {
		u.stall = c.user.stall
	}
	u.ctx, u.cancel = context.WithCancel(c.all.ctx)
	return &Client{all: c.all, user: u}
}

// Connect waits until there is a connection to addr, and dials if there is none.
// Invoke does so as well: who calls Connect before it knows that an Invoke that
// does not end is not about the dial. Every error is an *OpError.
func (c *Client) Connect(ctx context.Context, addr string) error {
	if ctx.Err() != nil {
		return &OpError{Op: "wait", Addr: addr, Err: ctxerr.Of(ctx)}
	}
	_, err := c.all.connect(ctx, addr, c.user)
	return err
}

// Invoke sends a request to addr and waits for its answer, whatever the answer's
// code is, until ctx ends. The answer owns its memory. body and what r refers to
// are read before Invoke returns and not kept.
//
// Every error is an *OpError. A ctx that ends takes the request back if it is
// still waiting to be written; the error matches ctx.Err and its cause.
//
// A headers.BodyAppender brings its own body, if body is nil.
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
		return headers.Command{}, &OpError{Op: "wait", Addr: addr, Err: ctxerr.Of(ctx)}
	}
	if c.all.cfg.Decorate != nil {
		if parts, ok := r.(headers.BodyAppender); ok && body == nil {
			body = parts.AppendBody(make([]byte, 0, parts.BodySize())) // what decorates it looks at it whole
		}
		var err error
		if r, err = c.all.cfg.Decorate(ctx, r, body); err != nil {
			return headers.Command{}, &OpError{Op: "decorate", Addr: addr, Err: err}
		}
	}
	for redialed := false; ; redialed = true {
		cn, err := c.all.connect(ctx, addr, c.user)
		if err != nil {
			return headers.Command{}, err
		}
		call, err := cn.submit(ctx, c.user, r, body, oneway)
		switch {
		case err == nil:
			return cn.wait(ctx, call)
		case redialed || !errors.Is(err, errGone):
			return headers.Command{}, err
		}
		// The connection ended after it was found and before it had the request.
		// The call has no part in that, so it gets a new one; only one, since a
		// peer that hangs up on every connection must not keep it dialing.
		c.all.forget(cn)
	}
}

// forget takes the connection's line out of the table, so that the next call
// dials anew.
func (c *connections) forget(cn *conn) {
	c.mu.Lock()
	if c.lines[cn.addr] == cn.line {
		delete(c.lines, cn.addr)
	}
	c.mu.Unlock()
}

// remove notes that the connection has ended.
func (c *connections) remove(cn *conn) {
	c.mu.Lock()
	delete(c.conns, cn)
	c.mu.Unlock()
}

// Retire stops using the connection to addr for new calls, which dial anew, and
// closes it when the calls it carries have been answered. A dial under way is given
// up: the calls that wait for it fail with ErrRetired. Without either it does
// nothing. A connection on which the peer answers GO_AWAY, as servers do
// that shut down gracefully (NettyRemotingAbstract, 5.5.0), is retired without it.
func (c *Client) Retire(addr string) {
	c.all.mu.Lock()
	l := c.all.lines[addr]
	delete(c.all.lines, addr)
	if l != nil {
		l.retired = true
	}
	c.all.mu.Unlock()
	switch {
	case l == nil:
	case !l.isReady():
		l.giveUp()
	case l.conn != nil:
		l.conn.retire()
	}
}

// Connected returns the addresses that have a live connection, sorted.
func (c *Client) Connected() []string {
	c.all.mu.Lock()
	addrs := make([]string, 0, len(c.all.lines))
	for addr, l := range c.all.lines {
		if l.isReady() {
			addrs = append(addrs, addr)
		}
	}
	c.all.mu.Unlock()
	slices.Sort(addrs)
	return addrs
}

// Connection is a live connection.
type Connection struct {
	Addr string
	// Requests is how many requests on it have no answer yet: those that wait to be
	// written, and those that the peer holds for long, are among them.
	Requests int
}

// Connections returns the live connections, sorted by address. They are those of all shares.
func (c *Client) Connections() []Connection {
	c.all.mu.Lock()
	conns := make([]*conn, 0, len(c.all.lines))
	for _, l := range c.all.lines {
		if l.isReady() && l.conn != nil {
			conns = append(conns, l.conn)
		}
	}
	c.all.mu.Unlock()
	list := make([]Connection, len(conns))
	for i, cn := range conns {
		list[i] = Connection{Addr: cn.addr, Requests: cn.requests()}
	}
	slices.SortFunc(list, func(a, b Connection) int { return strings.Compare(a.Addr, b.Addr) })
	return list
}

// PeerVersion returns the version that the peer at addr gave in its latest answer
// on the live connection to it, 0 if there is none.
func (c *Client) PeerVersion(addr string) headers.Version {
	c.all.mu.Lock()
	l := c.all.lines[addr]
	c.all.mu.Unlock()
	if l == nil || !l.isReady() || l.conn == nil {
		return 0
	}
	return headers.Version(l.conn.version.Load())
}

// Close ends every connection and every dial, answers all pending calls with
// ErrClosed and waits for the client's goroutines. Requests that are queued but
// not yet written are dropped, so wait for your calls first. Close may be called
// again and while calls are under way, but not from a func of Events. It returns
// nil. Of a share it ends the calls alone, see Share.
func (c *Client) Close() error {
	if c.user.shares {
		c.leave()
		return nil
	}
	all := c.all
	all.mu.Lock()
	all.closed = true
	conns := slices.Collect(maps.Keys(all.conns))
	all.mu.Unlock()
	all.cancel()
	for _, cn := range conns {
		cn.fail("wait", ErrClosed)
	}
	all.wg.Wait()
	return nil
}

// leave ends the calls of a share.
func (c *Client) leave() {
	c.user.left.Store(true) // before the calls are looked for: one that comes later sees it
	c.user.cancel()
	c.all.mu.Lock()
	conns := slices.Collect(maps.Keys(c.all.conns))
	c.all.mu.Unlock()
	for _, cn := range conns {
		cn.abandon(c.user)
	}
}

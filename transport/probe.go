package transport

import (
	"context"
	"fmt"
	"net"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

// Dial opens a connection to addr in the way in which the Client opens its own, TLS
// handshake included, and hands it over: it is for those who want to look at it. The
// Client makes no use of it, and Events are not told. With Config.TLS it is a
// *tls.Conn. The caller closes it. Every error is an *OpError.
func (c *Client) Dial(ctx context.Context, addr string) (net.Conn, error) {
	own, cancel := context.WithTimeout(ctx, c.all.cfg.DialTimeout)
	defer cancel()
	defer context.AfterFunc(c.user.ctx, cancel)()
	nc, err := c.all.open(own, addr)
	if err == nil && c.user.ctx.Err() == nil {
		return nc, nil
	}
	switch {
	case c.user.ctx.Err() != nil:
		if err == nil {
			_ = nc.Close() // never used: there is nothing its error could tell
		}
		err = ErrClosed
	case ctx.Err() != nil:
		err = fmt.Errorf("%w (%v)", ctxerr.Of(ctx), err)
	default:
		err = c.all.late(own, err)
	}
	return nil, &OpError{Op: "dial", Addr: addr, Err: err}
}

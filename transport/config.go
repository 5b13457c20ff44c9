package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Dialer opens a connection, as net.Dialer.DialContext does.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Config sets up a Client. The zero value works.
type Config struct {
	// Dial opens connections; net.Dialer's DialContext by default. Names are
	// resolved by it, so at each dial. The connection must support deadlines, and
	// its Close must end a Read and a Write that are under way.
	Dial Dialer
	// TLS turns TLS on. The server's certificate is verified against it; where
	// ServerName is empty the host of the address is expected. It must not be
	// changed once New has it.
	TLS *tls.Config
	// Serialization of request headers, Binary or JSON. A single request can insist
	// on JSON (headers.InJSON). Answers are read in either, by their own type byte.
	Serialization headers.Serialization
	// DialTimeout bounds a dial, TLS handshake included. 3 s by default, as in
	// the Java client (NettyClientConfig.connectTimeoutMillis, 5.5.0).
	DialTimeout time.Duration
	// WriteTimeout bounds one write to a connection; past it the connection is
	// closed. 10 s by default.
	WriteTimeout time.Duration
	// IdleTimeout closes a connection on which nothing was read for so long.
	// 120 s by default, the limit at which brokers close it themselves
	// (NettyServerConfig.serverChannelMaxIdleTimeSeconds, 5.5.0). Heartbeats,
	// answered by the peer, keep a connection from becoming idle. A call that the peer
	// parks does not: one of more than seven eighths of IdleTimeout, with nothing beside
	// it, may end with the connection.
	IdleTimeout time.Duration
	// StallTimeout decides what calls that ran out of time mean: if they have
	// waited for so long, all together, and nothing at all was read from the peer
	// in the meantime, the connection is taken for dead and closed, so that the
	// next call dials anew instead of waiting for the same silence. A frame that
	// has begun to come counts for nothing when it has taken so long itself, unless
	// at least 128 KiB of it come a second. Calls whose context was canceled do not
	// count, nor does the wait of those that still have time, such as long polls: give
	// these more time than the peer may park them for, by StallTimeout at least. 2 s by
	// default. It
	// should be below the time that most calls have: a call's wait is counted from
	// when its request is written, which is later than when its time began.
	StallTimeout time.Duration
	// MaxFrameSize is the largest frame sent to a peer or taken from it, in
	// bytes. headers.MaxFrameSize by default; a peer that is sent a larger one
	// than it allows closes the connection.
	MaxFrameSize int
	// Decorate, if set, is given each request before it is encoded, and returns
	// what is sent in its place: with more ext fields, or signed. It is called once
	// for each Invoke and InvokeOneway, by many goroutines at once, may take its
	// time, and must return soon after ctx has ended. body is that of the request
	// and must not be kept or changed. An error fails the call, of which nothing is
	// sent then; it is found in the *OpError, whose Op is "decorate". Answers to
	// requests of the peer are not decorated.
	Decorate func(ctx context.Context, r headers.Request, body []byte) (headers.Request, error)
	// Events tells of connections coming and going.
	Events Events
	// Requests are the handlers of requests that peers make, such as a broker's check
	// of a transaction, by their codes. New copies the map. A request without a handler
	// is refused with REQUEST_CODE_NOT_SUPPORTED if it wants an answer, and dropped if
	// not. At most 64 answers, or 4 MiB, wait for a peer that does not read them; what
	// it asks meanwhile, and wants an answer to, is dropped.
	Requests map[headers.RequestCode]RequestHandler
}

// Events are called by the connection's own goroutines, outside all locks. A
// func must return soon, as the connection waits for it, must not call Close, and
// may be nil.
type Events struct {
	// Connected is called when a dial has succeeded, before the first call uses
	// the connection. It must not itself wait for a call to that address.
	Connected func(addr string)
	// Disconnected is called once for each connection that was Connected, after
	// that. It may come after Connected of the connection that takes its place.
	// err says why the connection ended: ErrClosed after Close.
	Disconnected func(addr string, err error)
}

func (c *Config) setDefaults() {
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.DialTimeout == 0 {
		c.DialTimeout = 3 * time.Second
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 10 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 120 * time.Second
	}
	if c.StallTimeout == 0 {
		c.StallTimeout = 2 * time.Second
	}
	if c.MaxFrameSize == 0 {
		c.MaxFrameSize = headers.MaxFrameSize
	}
	c.Requests = maps.Clone(c.Requests)
}

// checkSize reports that a frame is too large: the peer would hang up, which would cost
// the calls beside it.
func (c *Config) checkSize(frame []byte) error {
	if len(frame) > c.MaxFrameSize {
		return fmt.Errorf("%w: %d bytes, limit %d", headers.ErrTooLarge, len(frame), c.MaxFrameSize)
	}
	return nil
}

func (c *Config) validate() error {
	var faults []error
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"DialTimeout", c.DialTimeout},
		{"WriteTimeout", c.WriteTimeout},
		{"IdleTimeout", c.IdleTimeout},
		{"StallTimeout", c.StallTimeout},
	} {
		if d.value < 0 {
			faults = append(faults, fmt.Errorf("%s is negative: %v", d.name, d.value))
		}
	}
	if c.MaxFrameSize < 0 {
		faults = append(faults, fmt.Errorf("MaxFrameSize is negative: %d", c.MaxFrameSize))
	}
	if c.Serialization > headers.Binary {
		faults = append(faults, fmt.Errorf("want JSON or Binary as Serialization, not %d", c.Serialization))
	}
	for _, code := range slices.Sorted(maps.Keys(c.Requests)) {
		if c.Requests[code] == nil {
			faults = append(faults, fmt.Errorf("the handler of %s in Requests is nil", code))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("transport: config: %w", err)
	}
	return nil
}

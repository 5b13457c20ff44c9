package requestreply_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
)

// line is the way to a broker. It can be cut, of which the broker hears later.
type line struct {
	addr   string
	linger time.Duration // until the broker hears of the end of a connection that was cut

	mu    sync.Mutex
	conns []*lineConn
}

// through has the connections of the requester to the broker made by the line.
func (l *line) through(cfg *requestreply.RequesterConfig) {
	dial := cfg.Publisher.Cluster.Dial
	cfg.Publisher.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dial(ctx, network, addr)
		if err != nil || addr != l.addr {
			return raw, err
		}
		c := &lineConn{Conn: raw, linger: l.linger}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = append(l.conns, c)
		return c, nil
	}
}

// cut ends the connections that there are, for the client.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.cut()
	}
	l.conns = nil
}

// lineConn is a connection of a line.
type lineConn struct {
	net.Conn
	linger time.Duration

	mu    sync.Mutex
	isCut bool
}

func (c *lineConn) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isCut = true
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // whoever reads is to see it
}

func (c *lineConn) wasCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isCut
}

func (c *lineConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.wasCut() {
		return 0, io.EOF
	}
	return n, err
}

func (c *lineConn) Write(p []byte) (int, error) {
	if c.wasCut() {
		return len(p), nil // into nothing
	}
	return c.Conn.Write(p)
}

func (c *lineConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isCut {
		return nil
	}
	return c.Conn.SetReadDeadline(t)
}

func (c *lineConn) SetDeadline(time.Time) error { return nil }

func (c *lineConn) Close() error {
	if c.wasCut() {
		time.AfterFunc(c.linger, func() { _ = c.Conn.Close() })
		return nil
	}
	return c.Conn.Close()
}

// onLine runs a test with a requester whose connections to its one broker are made by a
// line, and a responder that echoes.
func onLine(t *testing.T, linger time.Duration, test func(t *testing.T, l *line, requester *requestreply.Requester)) {
	t.Helper()
	inBubble(t, func(t *testing.T, w *world) {
		l := &line{addr: w.embedded.Broker(0).Addr(), linger: linger}
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) {
			cfg.Timeout = 10 * time.Second
			l.through(cfg)
		})
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		defer w.serve(t, topic, responder.Handler(echo))()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.NoError(t, err)
		test(t, l, requester)
	}, embedded.WithBrokers(1))
}

// A broker that hears of the end of a connection when the requester has long had the next
// one forgets the requester. That costs those requests that are made meanwhile, one after
// the other here, and not all that follow.
func TestBrokerForgetsRequesterAfterReconnect(t *testing.T) {
	for _, linger := range []time.Duration{time.Second, 13 * time.Second, 20 * time.Second, 50 * time.Second, 100 * time.Second, 119 * time.Second} {
		t.Run(linger.String(), func(t *testing.T) {
			onLine(t, linger, func(t *testing.T, l *line, requester *requestreply.Requester) {
				l.cut()
				failed := 0
				for begin := time.Now(); time.Since(begin) < 4*time.Minute; time.Sleep(time.Second) {
					if _, err := requester.Request(t.Context(), topic, newRequest("x")); err != nil {
						require.ErrorIs(t, err, requestreply.ErrTimeout)
						failed++
					}
				}
				require.LessOrEqual(t, failed, 1)
			})
		})
	}
}

// A requester that makes no request meanwhile is found afterwards, with its first one.
func TestIdleRequesterIsFoundAfterReconnect(t *testing.T) {
	onLine(t, 20*time.Second, func(t *testing.T, l *line, requester *requestreply.Requester) {
		for range 2 {
			l.cut()
			time.Sleep(5 * time.Minute)
			_, err := requester.Request(t.Context(), topic, newRequest("x"))
			require.NoError(t, err)
		}
	})
}

// A request that waits for long has its reply, though its broker has forgotten the requester
// while it waited, and nobody makes another request.
func TestLongRequestIsFoundAfterReconnect(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := &line{addr: w.embedded.Broker(0).Addr(), linger: 20 * time.Second}
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) {
			cfg.Timeout = 10 * time.Minute
			l.through(cfg)
		})
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
			time.Sleep(2 * time.Minute)
			return echo(request)
		}))()
		time.AfterFunc(10*time.Second, l.cut)
		reply, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.NoError(t, err)
		require.Equal(t, "reply to x", string(reply.Payload))
		synctest.Wait()
		require.Zero(t, requester.Stats())
	}, embedded.WithBrokers(1))
}

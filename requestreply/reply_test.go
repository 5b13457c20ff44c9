package requestreply_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
)

// brokerOf returns the broker that has the request.
func (w *world) brokerOf(t *testing.T, request *message.Message) *embedded.Broker {
	t.Helper()
	what, ok := requestreply.RequestFromContext(request.Context())
	require.True(t, ok)
	for _, b := range w.embedded.Brokers() {
		if b.Name() == what.Broker {
			return b
		}
	}
	t.Fatal("no such broker")
	return nil
}

// A reply is not kept from the other brokers by the one that has the request and hangs, or
// cannot be connected to.
func TestReplyPassesBrokerThatHangs(t *testing.T) {
	for _, what := range []string{"hangs", "no connection"} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				requester := w.requester(t)
				defer closing(t, requester.Close)
				var unreachable atomic.Value // an address
				responder := w.responder(t, func(cfg *requestreply.ResponderConfig) {
					dial := cfg.Cluster.Dial
					cfg.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						if addr == unreachable.Load() {
							<-ctx.Done()
							return nil, ctx.Err()
						}
						return dial(ctx, network, addr)
					}
				})
				defer closing(t, responder.Close)
				var calls atomic.Int64
				defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
					calls.Add(1)
					if b := w.brokerOf(t, request); what == "hangs" {
						b.SetCondition(embedded.Hanging)
						time.AfterFunc(time.Minute, func() { b.SetCondition(embedded.Well) })
					} else {
						unreachable.Store(b.Addr())
					}
					return echo(request)
				}))()
				begin := time.Now()
				_, err := requester.Request(t.Context(), topic, newRequest("x"))
				require.NoError(t, err)
				require.Less(t, time.Since(begin), 3*time.Second, "that is ReplyTimeout")
				require.EqualValues(t, 1, calls.Load())
			}, embedded.WithBrokers(2))
		})
	}
}

// A requester is not taken for gone if one broker does not know it and another one, which
// may have handed on the reply, does not answer.
func TestUnansweredReplyIsNotGone(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t)
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		failures := make(chan error, 1)
		var server string
		w.on(headers.CodeSendReplyMessageV2, func(_ int64, r embedded.Request) embedded.Fault {
			if r.Server == server {
				return embedded.Ignore()
			}
			return embedded.Answer(headers.SystemError, gone)
		})
		defer w.serve(t, topic, func(msg *message.Message) error {
			server = w.brokerOf(t, msg).Name()
			reply, err := echo(msg)
			failures <- responder.Reply(msg.Context(), msg, reply)
			return err
		})()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.ErrorIs(t, err, requestreply.ErrTimeout)
		var failed *requestreply.ReplyError
		require.ErrorAs(t, <-failures, &failed)
		require.False(t, failed.Gone, failed)
		require.Greater(t, failed.Attempts, 3)
	}, embedded.WithBrokers(2))
}

// Close of a requester without requests succeeds, however short its time is.
func TestCloseOfIdleRequester(t *testing.T) {
	c, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close()) }()
	w := &world{cluster: c.Config(), embedded: c}
	for range 50 {
		require.NoError(t, w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.CloseTimeout = time.Nanosecond }).Close())
	}
}

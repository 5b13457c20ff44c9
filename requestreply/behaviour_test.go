package requestreply_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
)

// A request gets its reply, whatever is in the two.
func TestRequestAndReply(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		topic := unique("echo")
		responder, requester := w.responder(t), w.requester(t)
		stop := w.serve(t, topic, responder.Handler(echo))
		for name, payload := range map[string]string{
			"small": "two pizzas", "empty": "", "large": strings.Repeat("pizza ", 50_000), "binary": "\x00\x01\x02\xff",
		} {
			request := newRequest(payload)
			request.Metadata.Set("name", name)
			request.Metadata.Set("odd \x01\x02", "\x00")
			request.Metadata.Set(marshaler.MetadataTag, "urgent")
			before := request.Copy()
			reply, err := requester.Request(t.Context(), topic, request)
			require.NoError(t, err, name)
			require.Equal(t, "reply-"+request.UUID, reply.UUID)
			require.Equal(t, "reply to "+payload, string(reply.Payload))
			require.Equal(t, message.Metadata{"name": name, "odd \x01\x02": "\x00", marshaler.MetadataTag: "urgent", "from": "ours"}, reply.Metadata)
			require.True(t, before.Equals(request), "it is not changed")
		}
		stop()
		require.NoError(t, responder.Close())
		require.NoError(t, requester.Close())
		require.Zero(t, requester.Stats())
		_, err := requester.Request(t.Context(), topic, newRequest(""))
		require.ErrorIs(t, err, requestreply.ErrClosed)
		require.True(t, requestError(t, err).SafeToRetry())
	})
}

// Many at once are not mixed up, by several requesters, one of which shares the others'
// configuration.
func TestManyRequests(t *testing.T) {
	const requesters, each = 2, 500
	everywhere(t, func(t *testing.T, w *world) {
		topic := unique("many")
		responder := w.responder(t)
		stop := w.serve(t, topic, responder.Handler(echo))
		var all sync.WaitGroup
		var failed atomic.Pointer[error]
		for r := range requesters {
			requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.MaxWaiting = 400 })
			defer func() { require.NoError(t, requester.Close()) }()
			for i := range each {
				all.Go(func() {
					payload := fmt.Sprintf("%d of %d", i, r)
					reply, err := requester.Request(t.Context(), topic, newRequest(payload))
					if err == nil && string(reply.Payload) != "reply to "+payload {
						err = fmt.Errorf("%q is the reply to %q", reply.Payload, payload)
					}
					if err != nil {
						failed.CompareAndSwap(nil, &err)
					}
				})
			}
		}
		all.Wait()
		if err := failed.Load(); err != nil {
			require.NoError(t, *err)
		}
		stop()
		require.NoError(t, responder.Close())
	})
}

// A request whose handler fails is handled again, as long as somebody waits for it.
func TestHandlerFails(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		topic := unique("fails")
		responder, requester := w.responder(t), w.requester(t)
		defer func() { require.NoError(t, requester.Close()) }()
		var calls atomic.Int64
		stop := w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
			if calls.Add(1) < 3 {
				return nil, errors.New("not yet")
			}
			return echo(request)
		}))
		reply, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.NoError(t, err)
		require.Equal(t, "reply to x", string(reply.Payload))
		require.EqualValues(t, 3, calls.Load())
		stop()
		require.NoError(t, responder.Close())
	})
}

// Without a responder the time runs out, and the request is where it was sent.
func TestNobodyReplies(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		topic := unique("nobody")
		w.createTopic(t, topic)
		for timeout := 5 * time.Second; ; timeout *= 2 {
			requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = timeout })
			_, err := requester.Request(t.Context(), topic, newRequest("x"))
			require.NoError(t, requester.Close())
			failed := requestError(t, err)
			require.ErrorIs(t, err, requestreply.ErrTimeout)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			if failed.Outcome != publisher.Stored && timeout < patience {
				continue // a busy machine had no time to send it
			}
			require.Equal(t, publisher.Stored, failed.Outcome, err)
			require.False(t, failed.SafeToRetry())
			require.NotEmpty(t, failed.CorrelationID)
			return
		}
	})
}

// A reply whose requester is gone ends as a success for the router: nothing is handled
// again. Reply tells the difference.
func TestRequesterIsGone(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		topic := unique("gone")
		// The responder asks after the requester until its time is over.
		responder := w.responder(t, func(cfg *requestreply.ResponderConfig) { cfg.ReplyTimeout = 3 * time.Second })
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.CloseTimeout = time.Nanosecond })
		// There is room for what a broker delivers again.
		got, replied, handled := make(chan struct{}, 16), make(chan error, 16), make(chan error, 16)
		gate := make(chan struct{})
		gone := sync.OnceFunc(func() { close(gate) })
		stop := w.serve(t, topic, func(msg *message.Message) error {
			err := responder.Handler(func(request *message.Message) (*message.Message, error) {
				got <- struct{}{}
				<-gate
				reply, err := echo(request)
				result := responder.Reply(request.Context(), request, reply)
				for begin := time.Now(); !isGone(result) && time.Since(begin) < patience; {
					result = responder.Reply(request.Context(), request, reply) // a busy broker has not answered in time
				}
				replied <- result
				return reply, err
			})(msg)
			handled <- err
			return err
		})
		t.Cleanup(gone) // before serve's
		asked := make(chan error, 1)
		go func() {
			_, err := requester.Request(t.Context(), topic, newRequest("x"))
			asked <- err
		}()
		<-got
		require.ErrorIs(t, requester.Close(), requestreply.ErrCloseTimeout)
		err := <-asked
		require.ErrorIs(t, err, requestreply.ErrClosed)
		require.NotEqual(t, publisher.NotSent, requestError(t, err).Outcome)
		gone()
		var failed *requestreply.ReplyError
		require.ErrorAs(t, <-replied, &failed)
		require.True(t, failed.Gone, failed)
		require.NoError(t, <-handled)
		stop()
		require.NoError(t, responder.Close())
	})
}

// isGone reports whether a reply has failed since its requester is gone.
func isGone(err error) bool {
	var failed *requestreply.ReplyError
	return errors.As(err, &failed) && failed.Gone
}

// A reply that comes too late is dropped, and the next request is not disturbed. The
// responder takes it for delivered.
func TestLateReply(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		topic := unique("late")
		responder, requester := w.responder(t), w.requester(t)
		got, gate, replied := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		late := sync.OnceFunc(func() { close(gate) })
		var first atomic.Bool
		stop := w.serve(t, topic, func(msg *message.Message) error {
			if !first.CompareAndSwap(false, true) {
				return responder.Handler(echo)(msg)
			}
			close(got)
			<-gate
			reply, err := echo(msg)
			replied <- responder.Reply(msg.Context(), msg, reply)
			return err
		})
		t.Cleanup(late) // before serve's
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-got
			cancel()
		}()
		_, err := requester.Request(ctx, topic, newRequest("first"))
		require.ErrorIs(t, err, context.Canceled)
		require.NotEqual(t, publisher.NotSent, requestError(t, err).Outcome)
		late()
		require.NoError(t, <-replied)
		require.EqualValues(t, 1, requester.Stats().Late)
		reply, err := requester.Request(t.Context(), topic, newRequest("second"))
		require.NoError(t, err)
		require.Equal(t, "reply to second", string(reply.Payload))
		require.NoError(t, requester.Close())
		stop()
		require.NoError(t, responder.Close())
	})
}

// Close waits for the replies that are to come.
func TestCloseWaits(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		topic := unique("close")
		responder, requester := w.responder(t), w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.CloseTimeout = patience })
		got, gate := make(chan struct{}, 16), make(chan struct{}) // with room for what a broker delivers again
		reply := sync.OnceFunc(func() { close(gate) })
		stop := w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
			got <- struct{}{}
			<-gate
			return echo(request)
		}))
		t.Cleanup(reply) // before serve's
		type answer struct {
			reply *message.Message
			err   error
		}
		asked, closed := make(chan answer, 1), make(chan error, 2)
		go func() {
			reply, err := requester.Request(t.Context(), topic, newRequest("x"))
			asked <- answer{reply, err}
		}()
		<-got
		for range cap(closed) {
			go func() { closed <- requester.Close() }()
		}
		ended, end := context.WithCancel(t.Context())
		end()
		require.Eventually(t, func() bool {
			_, err := requester.Request(ended, topic, newRequest("y"))
			return errors.Is(err, requestreply.ErrClosed)
		}, patience, time.Millisecond)
		reply()
		a := <-asked
		require.NoError(t, a.err)
		require.Equal(t, "reply to x", string(a.reply.Payload))
		for range cap(closed) {
			require.NoError(t, <-closed)
		}
		stop()
		require.NoError(t, responder.Close())
	})
}

package publisher_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

// source is a Subscriber that delivers a message again until it is acknowledged, and
// knows how often.
type source struct {
	c    chan *message.Message
	once sync.Once
}

// Subscribe ends with its context too: a router that is closed may do no more than end
// that (handler.handleClose of Watermill 1.5.1).
func (s *source) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return s.c, nil
}

func (s *source) Close() error {
	s.once.Do(func() { close(s.c) })
	return nil
}

// mostRuns is how often a message may be handled in vain before a test says that it
// jams its router.
const mostRuns = 20

// deliver returns how many times the message was handled until it was acknowledged. The
// context of each copy ends with that, as with Watermill's Pub/Subs.
func (s *source) deliver(t testing.TB, msg *message.Message) int {
	t.Helper()
	for n := 1; n <= mostRuns; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		own := msg.Copy()
		own.SetContext(ctx)
		s.c <- own
		select {
		case <-own.Acked():
			cancel()
			return n
		case <-own.Nacked():
			cancel()
		}
	}
	require.Fail(t, "the message jams the router")
	return 0
}

// routed runs a router that handles what the source delivers and publishes the result
// to topic.
func routed(t testing.TB, p message.Publisher, topic string, handle message.HandlerFunc, middlewares ...message.HandlerMiddleware) *source {
	t.Helper()
	in := &source{c: make(chan *message.Message)}
	runRouter(t, in, p, topic, handle, middlewares...)
	return in
}

// runRouter runs a router from the topic "in" to another one until the test ends.
func runRouter(t testing.TB, in message.Subscriber, p message.Publisher, topic string, handle message.HandlerFunc, middlewares ...message.HandlerMiddleware) {
	t.Helper()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	require.NoError(t, err)
	router.AddMiddleware(middlewares...)
	router.AddHandler("relay", "in", in, topic, p, handle)
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	<-router.Running()
	t.Cleanup(func() {
		require.NoError(t, router.Close())
		require.NoError(t, <-ended)
	})
}

// failing is a handler that cannot handle anything.
func failing(reason error) message.HandlerFunc {
	return func(*message.Message) ([]*message.Message, error) { return nil, reason }
}

// delayOnError, within and instantAck do what DelayOnError, Timeout and InstantAck of
// Watermill's package middleware do.
func delayOnError(d time.Duration) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			produced, err := next(msg)
			if err != nil {
				delay.Message(msg, delay.For(d))
			}
			return produced, err
		}
	}
}

func within(timeout time.Duration) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			ctx, cancel := context.WithTimeout(msg.Context(), timeout)
			defer cancel()
			msg.SetContext(ctx)
			return next(msg)
		}
	}
}

// instantAck waits until the message's context has ended for it.
func instantAck(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		msg.Ack()
		<-msg.Context().Done()
		return next(msg)
	}
}

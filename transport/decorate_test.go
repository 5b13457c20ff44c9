package transport_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Every request has what Decorate gave it, those without an answer too, and
// Decorate sees the body.
func TestDecorate(t *testing.T) {
	n := newNetwork(t)
	c := newClient(t, transport.Config{
		Dial: n.Dial,
		Decorate: func(_ context.Context, r headers.Request, body []byte) (headers.Request, error) {
			return headers.WithFields(r, headers.FieldList{{Name: "added", Value: string(body)}}), nil
		},
	})
	done := make(chan error, 1)
	go func() {
		_, err := c.Invoke(t.Context(), addr, headers.Heartbeat{}, []byte("one"))
		done <- err
	}()
	p := n.Accept()
	r := p.Expect("one")
	require.Equal(t, "one", r.Fields.String("added"))
	r.Answer("")
	require.NoError(t, <-done)

	go func() { done <- c.InvokeOneway(t.Context(), addr, headers.Heartbeat{}, []byte("two")) }()
	require.Equal(t, "two", p.Expect("two").Fields.String("added"))
	require.NoError(t, <-done)
}

// A call whose request cannot be decorated sends nothing, and does not even dial.
func TestDecorateFails(t *testing.T) {
	n := newNetwork(t)
	broken := errors.New("no keys today")
	c := newClient(t, transport.Config{
		Dial:     n.Dial,
		Decorate: func(context.Context, headers.Request, []byte) (headers.Request, error) { return nil, broken },
	})
	_, err := c.Invoke(t.Context(), addr, headers.Heartbeat{}, nil)
	var op *transport.OpError
	require.ErrorAs(t, err, &op)
	require.ErrorIs(t, err, broken)
	require.Equal(t, "decorate", op.Op)
	require.False(t, op.Sent)
	require.ErrorIs(t, c.InvokeOneway(t.Context(), addr, headers.Heartbeat{}, nil), broken)
	require.Empty(t, n.Dialed())
}

// Decorate may wait for something; a caller that leaves ends the wait by its
// context, and is told that nothing was sent.
func TestDecorateEndsWithTheContext(t *testing.T) {
	n := newNetwork(t)
	c := newClient(t, transport.Config{
		Dial: n.Dial,
		Decorate: func(ctx context.Context, _ headers.Request, _ []byte) (headers.Request, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ctx2, cancel2 := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Invoke(ctx2, addr, headers.Heartbeat{}, nil)
		done <- err
	}()
	_, err := c.Invoke(ctx, addr, headers.Heartbeat{}, nil)
	require.ErrorIs(t, err, context.Canceled)
	cancel2()
	err = <-done
	var op *transport.OpError
	require.ErrorAs(t, err, &op)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, op.Sent)
	require.Empty(t, n.Dialed())
}

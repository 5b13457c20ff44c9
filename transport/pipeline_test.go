package transport_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestInvoke(t *testing.T) {
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				c := newClient(t, transport.Config{Dial: n.Dial, Serialization: s})
				call := invoke(t.Context(), c, addr, "ping")
				r := n.Accept().Expect("ping")
				require.Equal(t, s, r.Serialization)
				require.Equal(t, int32(headers.CodeHeartbeat), r.Code)
				require.False(t, r.IsOneway())
				r.Answer("pong")
				call.Wants(t, "pong")
			})
		})
	}
}

// TestAnswerInEitherSerialization answers a binary request in JSON, as brokers
// of version 5 do, and the other way round.
func TestAnswerInEitherSerialization(t *testing.T) {
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			c := newClient(t, transport.Config{Dial: n.Dial, Serialization: s})
			call := invoke(t.Context(), c, addr, "ping")
			r := n.Accept().Expect("ping")
			frame, err := headers.AppendResponse(nil, 1-s, r.Opaque, headers.SystemBusy, "later", nil, []byte("pong"))
			require.NoError(t, err)
			r.peer.Send(frame)
			call.Wants(t, "pong") // an answer is an answer, whatever its code
		})
	}
}

func TestAnswersInAnyOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 300
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		var started [calls]pending
		for i := range started {
			started[i] = invoke(t.Context(), c, addr, fmt.Sprint(i))
		}
		p := n.Accept()
		var requests []request
		for range started {
			requests = append(requests, p.Next())
		}
		rand.Shuffle(calls, func(i, j int) { requests[i], requests[j] = requests[j], requests[i] })
		for _, r := range requests {
			r.Answer("answer to " + string(r.Body))
		}
		for i, call := range started {
			call.Wants(t, fmt.Sprint("answer to ", i))
		}
		require.Equal(t, []string{addr}, n.Dialed(), "one connection carries all calls")
	})
}

func TestAnswerOwnsItsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		ask := func(answer string) []byte {
			go func() { p := n.Accept(); n.peers <- p; p.Next().Answer(answer) }()
			cmd, err := c.Invoke(t.Context(), addr, headers.Heartbeat{}, nil)
			require.NoError(t, err)
			return cmd.Body
		}
		first := ask("first")
		require.Equal(t, "other", string(ask("other")))
		require.Equal(t, "first", string(first))
	})
}

func TestOneway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invokeOneway(t.Context(), c, addr, "bye")
		p := n.Accept()
		call.Waits(t) // until it is written
		r := p.Expect("bye")
		require.True(t, r.IsOneway())
		call.Wants(t, "")
		r.Answer("unasked for")

		next := invoke(t.Context(), c, addr, "ping")
		p.Expect("ping").Answer("pong")
		next.Wants(t, "pong")
	})
}

// TestOnewayIsNotAnswered has a peer answer a oneway request that is not whole
// yet: that must not pass for its being written.
func TestOnewayIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invokeOneway(t.Context(), c, addr, "bye")
		p := n.Accept()
		p.Send(answerFrame(t, 1, "")) // the first call's number is 1
		call.Waits(t)
		p.Cut()
		require.False(t, call.Fails(t).Sent)
	})
}

func TestQueuedFramesLeaveInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		invokeOneway(t.Context(), c, addr, "first")
		p := n.Accept()
		synctest.Wait() // the writer is busy with the first
		for range 100 {
			invokeOneway(t.Context(), c, addr, "more")
		}
		synctest.Wait()
		require.Equal(t, 1, frames(t, p.Write()))
		require.Equal(t, 100, frames(t, p.Write()))
	})
}

// TestLargeFrameIsWrittenAlone also checks that one write does not grow without
// bound: the order is kept, and a frame that does not fit begins the next one.
func TestLargeFrameIsWrittenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		send := func(size int) {
			invokeOneway(t.Context(), c, addr, strings.Repeat("x", size))
			synctest.Wait() // one after the other
		}
		send(1)
		p := n.Accept()
		for _, size := range []int{1, 1, 100 << 10, 1, 40 << 10, 40 << 10, 1} {
			send(size)
		}
		require.Equal(t, 1, frames(t, p.Write()))
		require.Equal(t, 2, frames(t, p.Write()))
		large := p.Write()
		require.Equal(t, 1, frames(t, large))
		require.Greater(t, len(large), 100<<10)
		require.Equal(t, 2, frames(t, p.Write()))
		require.Equal(t, 2, frames(t, p.Write()))
	})
}

func TestEncodeErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial, MaxFrameSize: 1000})
		op := invoke(t.Context(), c, addr, strings.Repeat("x", 1000)).Fails(t)
		require.ErrorIs(t, op, headers.ErrTooLarge)
		require.Equal(t, "encode", op.Op)
		require.False(t, op.Sent)

		// The connection has not noticed.
		call := invoke(t.Context(), c, addr, "ping")
		n.Accept().Expect("ping").Answer("pong")
		call.Wants(t, "pong")
	})
}

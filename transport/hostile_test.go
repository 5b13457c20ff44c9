package transport_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestRequestOfThePeer(t *testing.T) {
	for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			c := newClient(t, transport.Config{Dial: n.Dial})
			call := invoke(t.Context(), c, addr, "ping")
			p := n.Accept()
			r := p.Expect("ping")

			// Each side counts its own: the same number is no answer to ours.
			frame, err := headers.AppendRequest(nil, s, r.Opaque, false, headers.Heartbeat{}, nil)
			require.NoError(t, err)
			p.Send(frame)
			refusal := p.Next()
			require.True(t, refusal.IsResponse())
			require.Equal(t, r.Opaque, refusal.Opaque)
			require.Equal(t, s, refusal.Serialization)
			require.Equal(t, int32(headers.RequestNotSupported), refusal.Code)
			require.Equal(t, "request type 34 not supported", string(refusal.Remark))
			call.Waits(t)

			p.Send(requestFrame(t, r.Opaque, true)) // oneway: nothing comes back
			r.Answer("pong")
			call.Wants(t, "pong")
			next := invoke(t.Context(), c, addr, "next")
			p.Expect("next").Answer("")
			next.Wants(t, "")
		})
	}
}

// TestRefusalIsNotACall has a refusal with the number of a pending call in the
// writer's hands when the connection ends.
func TestRefusalIsNotACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		p.Send(requestFrame(t, r.Opaque, false))
		synctest.Wait()
		p.Cut()
		require.True(t, call.Fails(t).Sent)
	})
}

func TestAnswersNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		first := invoke(t.Context(), c, addr, "first")
		p := n.Accept()
		synctest.Wait() // being written, the peer does not read
		queued := invoke(t.Context(), c, addr, "queued")
		synctest.Wait()
		p.Send(answerFrame(t, 2, "guessed")) // the number of the queued request
		p.Send(answerFrame(t, -5, "unknown"))
		queued.Waits(t)
		r := p.Expect("first")
		r.Answer("1")
		r.Answer("1 again")
		first.Wants(t, "1")
		p.Expect("queued").Answer("2")
		queued.Wants(t, "2")
	})
}

// A peer that answers what it cannot have read yet is believed when it has.
func TestAnswerBeforeTheRequestIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		half := func() (pending, *peer) {
			call := invoke(t.Context(), c, addr, "ping")
			p := n.Accept()
			p.nextBytes(10)
			p.Send(answerFrame(t, 1, "guessed"))
			p.Send(answerFrame(t, 1, "guessed again"))
			call.Waits(t)
			return call, p
		}
		call, p := half()
		p.Cut()
		require.False(t, call.Fails(t).Sent)

		call, p = half()
		p.nextBytes(frameSize(t, "ping") - 10)
		call.Wants(t, "guessed")
		next := invoke(t.Context(), c, addr, "next")
		p.Expect("next").Answer("here")
		next.Wants(t, "here")
	})
}

// A request that shares a write with others may be answered while they are still being
// written.
func TestAnswerBeforeTheWriteIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		var calls []pending
		for _, body := range []string{"first", "second", "third"} {
			calls = append(calls, invoke(t.Context(), c, addr, body))
			synctest.Wait()
		}
		p := n.Accept()
		p.Expect("first").Answer("1")
		calls[0].Wants(t, "1")
		p.nextBytes(frameSize(t, "second") + 10)
		p.Send(answerFrame(t, 2, "2"))
		calls[1].Wants(t, "2")
		p.Cut()
		require.False(t, calls[2].Fails(t).Sent)
	})
}

// TestFloodOfRequests has a peer ask without end and read nothing. What piles up
// is bounded, and calls still get through when it reads again.
func TestFloodOfRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		r := p.Expect("ping")
		for range 10_000 {
			p.Send(requestFrame(t, 1, false))
		}
		synctest.Wait()
		refusals := frames(t, p.Write())
		refusals += frames(t, p.Write())
		require.Greater(t, refusals, 1)
		require.LessOrEqual(t, refusals, 2*64, "in the writer's hands and queued")
		r.Answer("pong")
		call.Wants(t, "pong")

		p.Send(requestFrame(t, 1, false)) // it is answered again
		refusal := p.Next()
		require.True(t, refusal.IsResponse())
	})
}

func TestMalformedInput(t *testing.T) {
	for _, tt := range []struct{ name, input, want string }{
		{"negative length", "\xff\xff\xff\xff", "frame length -1"},
		{"no length", "\x00\x00\x00\x00", "frame length 0"},
		{"oversize", "\x01\x00\x00\x00", "over the limit"},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server answered"},
		{"TLS", "\x15\x03\x01\x00\x02\x02\x46", "the peer speaks TLS"},
		{"header longer than frame", "\x00\x00\x00\x05\x00\x00\x00\x09{}", "header length 9"},
		{"serialization", "\x00\x00\x00\x06\x07\x00\x00\x02{}", "serialization type 7"},
		{"JSON", "\x00\x00\x00\x06\x00\x00\x00\x02{]", "JSON header"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				c := newClient(t, transport.Config{Dial: n.Dial})
				call := invoke(t.Context(), c, addr, "ping")
				p := n.Accept()
				p.Expect("ping")
				_, _ = p.nc.Write([]byte(tt.input)) // the client may hang up within
				op := call.Fails(t)
				require.ErrorIs(t, op, headers.ErrMalformed)
				require.ErrorContains(t, op, tt.want)
				require.Equal(t, "read", op.Op)
				require.True(t, op.Sent)
				require.Empty(t, c.Connected())
			})
		})
	}
}

func TestFrameSizeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		body := strings.Repeat("x", 1000)
		c := newClient(t, transport.Config{Dial: n.Dial, MaxFrameSize: len(answerFrame(t, 1, body))})
		call := invoke(t.Context(), c, addr, "ping")
		p := n.Accept()
		p.Expect("ping").Answer(body)
		call.Wants(t, body) // as large as may be

		call = invoke(t.Context(), c, addr, "ping")
		r := p.Expect("ping")
		_, _ = p.nc.Write(answerFrame(t, r.Opaque, body+"x")) // the client may hang up within
		require.ErrorIs(t, call.Fails(t), headers.ErrMalformed)
	})
}

func TestCutWithinFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		frame := answerFrame(t, 1, "pong")
		for _, size := range []int{1, 4, 5, len(frame) - 1} {
			call := invoke(t.Context(), c, addr, "ping")
			p := n.Accept()
			p.Expect("ping")
			p.Send(frame[:size])
			p.Cut()
			require.ErrorContains(t, call.Fails(t), "closed by the peer within a frame")
		}
	})
}

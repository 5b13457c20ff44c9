package transport_test

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestBrokenConnectionAnswersAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		var calls []pending
		for range 50 {
			calls = append(calls, invoke(t.Context(), c, addr, "ping"))
		}
		p := n.Accept()
		for range calls {
			p.Expect("ping")
		}
		synctest.Wait() // the client reads: a pipe calls its end EOF only there
		p.Cut()
		for _, call := range calls {
			op := call.Fails(t)
			require.ErrorIs(t, op, io.EOF)
			require.Equal(t, "read", op.Op)
			require.Equal(t, addr, op.Addr)
			require.True(t, op.Sent)
		}
		require.Empty(t, c.Connected())

		again := invoke(t.Context(), c, addr, "again")
		n.Accept().Expect("again").Answer("pong")
		again.Wants(t, "pong")
	})
}

// ways are the ways in which a connection can end under its calls. What the
// calls are told must not depend on who notices first.
var ways = map[string]func(*transport.Client, *peer){
	"cut":   func(_ *transport.Client, p *peer) { p.Cut() },
	"close": func(c *transport.Client, _ *peer) { _ = c.Close() },
	"garbage": func(_ *transport.Client, p *peer) {
		p.Send([]byte("\xff\xff\xff\xff"))
	},
}

// TestSent looks at calls in each state in which the end of their connection can
// meet them.
func TestSent(t *testing.T) {
	for name, end := range ways {
		for kind, start := range kinds {
			t.Run(name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newNetwork(t)
					c := newClient(t, transport.Config{Dial: n.Dial})
					written := invoke(t.Context(), c, addr, "written")
					p := n.Accept()
					p.Expect("written")

					// The plug fills the writer's hands while a batch gathers, of
					// which the peer takes the first frame and half the second.
					plug := invoke(t.Context(), c, addr, "plug")
					synctest.Wait()
					whole := start(t.Context(), c, addr, "whole")
					synctest.Wait()
					half := start(t.Context(), c, addr, "half")
					synctest.Wait()
					unseen := start(t.Context(), c, addr, "unseen")
					synctest.Wait()
					p.Expect("plug")
					synctest.Wait()
					p.nextBytes(frameSize(t, "whole") + frameSize(t, "half")/2)
					synctest.Wait()
					queued := start(t.Context(), c, addr, "queued")
					synctest.Wait()

					end(c, p)
					require.True(t, written.Fails(t).Sent)
					require.True(t, plug.Fails(t).Sent)
					if kind == "two-way" {
						require.True(t, whole.Fails(t).Sent)
					} else {
						whole.Wants(t, "")
					}
					require.False(t, half.Fails(t).Sent)
					require.False(t, unseen.Fails(t).Sent)
					require.False(t, queued.Fails(t).Sent)
				})
			})
		}
	}
}

// TestAnswerBeforeWriteReturns has a peer answer the first frame of a batch that
// is still being written.
func TestAnswerBeforeWriteReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		plug := invoke(t.Context(), c, addr, "plug")
		p := n.Accept()
		synctest.Wait()
		first := invoke(t.Context(), c, addr, "first")
		synctest.Wait()
		second := invoke(t.Context(), c, addr, "second")
		synctest.Wait()
		p.Expect("plug").Answer("0")
		plug.Wants(t, "0")
		p.nextBytes(frameSize(t, "first"))
		p.Send(answerFrame(t, 2, "1"))
		first.Wants(t, "1")
		p.Cut()
		require.False(t, second.Fails(t).Sent)
	})
}

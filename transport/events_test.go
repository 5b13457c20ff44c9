package transport_test

import (
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		type event struct {
			what, addr string
			err        error
		}
		events := make(chan event, 10)
		c := newClient(t, transport.Config{Dial: n.Dial, Events: transport.Events{
			Connected:    func(addr string) { events <- event{"connected", addr, nil} },
			Disconnected: func(addr string, err error) { events <- event{"disconnected", addr, err} },
		}})
		for range 2 {
			call := invoke(t.Context(), c, "b:1", "ping")
			p := n.Accept()
			r := p.Expect("ping")
			require.Equal(t, event{"connected", "b:1", nil}, <-events, "before the first request")
			r.Answer("")
			call.Wants(t, "")
			p.Cut()
			e := <-events
			require.Equal(t, "disconnected", e.what)
			require.ErrorIs(t, e.err, io.EOF)
		}
		for _, a := range []string{"b:1", "c:1", "a:1"} {
			invoke(t.Context(), c, a, "ping")
			n.Accept().Expect("ping")
			<-events
		}
		require.Equal(t, []string{"a:1", "b:1", "c:1"}, c.Connected())
		require.NoError(t, c.Close())
		require.Len(t, events, 3)
		for range 3 {
			e := <-events
			require.Equal(t, "disconnected", e.what)
			require.ErrorIs(t, e.err, transport.ErrClosed)
		}
	})
}

// ours counts the goroutines that the transport started.
func ours() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "created by github.com/watermill-rocketmq/watermill-rocketmq/transport.(*")
}

func TestGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		c := newClient(t, transport.Config{Dial: n.Dial})
		require.Zero(t, ours())
		for i, a := range []string{"a:1", "b:1", "c:1"} {
			for range 20 { // calls that wait have none of their own
				invoke(t.Context(), c, a, "ping")
			}
			p := n.Accept()
			for range 20 {
				p.Expect("ping")
			}
			synctest.Wait()
			require.Equal(t, 2*(i+1), ours(), "a writer and a reader for each connection")
		}
		require.NoError(t, c.Close())
		synctest.Wait()
		require.Zero(t, ours())
	})
}

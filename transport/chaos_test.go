package transport_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// TestChaos lets everything that can happen to a call happen at once. Each call
// must return once, with its own answer or an OpError, and nothing may be left.
func TestChaos(t *testing.T) {
	const callers, calls = 16, 150
	var peers sync.WaitGroup
	dial := func(context.Context, string, string) (net.Conn, error) {
		if rand.IntN(20) == 0 {
			return nil, io.ErrClosedPipe
		}
		ours, theirs := net.Pipe()
		peers.Go(func() { serveChaos(theirs) })
		return ours, nil
	}
	var events sync.Map // address to connections that are open
	count := func(addr string, by int) {
		n, _ := events.LoadOrStore(addr, new(counter))
		n.(*counter).add(by)
	}
	c := newClient(t, transport.Config{Dial: dial, Events: transport.Events{
		Connected:    func(addr string) { count(addr, 1) },
		Disconnected: func(addr string, _ error) { count(addr, -1) },
	}})
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for j := range calls {
				addr := fmt.Sprint("broker-", rand.IntN(3))
				if err := chaosCall(c, addr, fmt.Sprint(i, " ", j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, c.Close())
	peers.Wait()
	events.Range(func(addr, n any) bool {
		require.Zero(t, n.(*counter).n, "every connection that came has gone: %s", addr)
		return true
	})
}

// chaosCall makes a call and returns an error only if it came to what no call
// may come to.
func chaosCall(c *transport.Client, addr, body string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch rand.IntN(10) {
	case 0:
		go cancel()
	case 1:
		go c.Retire(addr)
	}
	var err error
	if rand.IntN(5) == 0 {
		err = c.InvokeOneway(ctx, addr, headers.Heartbeat{}, []byte(body))
	} else {
		var answer headers.Command
		answer, err = c.Invoke(ctx, addr, headers.Heartbeat{}, []byte(body))
		if err == nil && string(answer.Body) != body {
			return fmt.Errorf("answer to %q is %q", body, answer.Body)
		}
	}
	if _, ok := err.(*transport.OpError); err != nil && !ok {
		return fmt.Errorf("not an OpError: %w", err)
	}
	return nil
}

// serveChaos answers most requests, some of them twice, asks some itself, and
// hangs up now and then.
func serveChaos(nc net.Conn) {
	defer nc.Close()
	for {
		frame, err := nextFrame(nc)
		if err != nil {
			return
		}
		cmd, err := headers.ParseFrame(frame)
		if err != nil || rand.IntN(30) == 0 {
			return
		}
		if cmd.IsResponse() {
			continue
		}
		answer, _ := headers.AppendResponse(nil, headers.Binary, cmd.Opaque, headers.Success, "", nil, cmd.Body)
		switch rand.IntN(20) {
		case 0:
			answer = append(answer, answer...)
		case 1:
			answer, _ = headers.AppendRequest(answer, headers.Binary, cmd.Opaque, rand.IntN(2) == 0, headers.Heartbeat{}, nil)
		}
		if _, err := nc.Write(answer); err != nil {
			return
		}
	}
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) add(by int) {
	c.mu.Lock()
	c.n += by
	c.mu.Unlock()
}

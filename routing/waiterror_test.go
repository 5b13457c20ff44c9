package routing_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Who stops waiting is told whom for, and why the lookup before failed, unless
// one has brought a route since.
func TestWaitError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{answer: hang}
		table := newTable(t, f, nil)
		wait := func() *routing.WaitError {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := table.BrokerAddr(ctx, "t", "no such broker")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			var wait *routing.WaitError
			require.ErrorAs(t, err, &wait)
			return wait
		}
		require.EqualError(t, wait(), `routing: wait for the route of topic "t" from name server ns1:9876: context deadline exceeded`)
		settle(time.Second) // the lookup goes on, and fails
		var servers *routing.NameServersError
		require.ErrorAs(t, wait(), &servers)
		settle(time.Second) // else the next one waits for the same lookup
		require.ErrorIs(t, wait(), routing.ErrNoAnswer)

		f.become(f.says(headers.Success, simpleRoute("a")))
		settle(2 * time.Second)
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		f.become(hang)
		require.NoError(t, wait().Before)
	})
}

// The lists of resolvers stand for the name servers that are not known yet.
func TestResolverNames(t *testing.T) {
	require.Equal(t, "http://h/x", routing.NewHTTPResolver("http://user:secret@h/x").String())
	require.Equal(t, "HTTPResolver", routing.NewHTTPResolver("http://user:secret@h:x").String())
	require.Equal(t, "a:1, b:1", routing.DNSResolver{Names: []string{"a:1", "b:1"}}.String())
}

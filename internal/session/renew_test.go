package session_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
)

// A renewal is a goodbye and a heartbeat, for the brokers that are connected.
func TestRenew(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		s := open(t, c, nil)
		defer s.Close()
		first, second := join(t, s, session.Role{Producer: "orders"}), join(t, s, session.Role{Producer: "orders"})
		defer first.Leave()
		defer second.Leave()
		a, b := c.Broker(0), c.Broker(1)
		_, err := first.Routes().Route(t.Context(), topic)
		require.NoError(t, err)
		require.NoError(t, first.Beat(t.Context(), []string{a.Addr()}))
		synctest.Wait()
		var mu sync.Mutex
		var asked []string
		c.Intercept(func(r embedded.Request) embedded.Fault {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, r.Server+" "+r.Code.String())
			return embedded.Fault{}
		})
		addrs := []string{c.NameServers()[0], a.Addr(), b.Addr()}
		require.NoError(t, second.Renew(t.Context(), addrs))
		require.Equal(t, []string{"broker-a " + headers.CodeUnregisterClient.String(), "broker-a " + headers.CodeHeartbeat.String()}, asked)
		require.Equal(t, []string{s.ID()}, a.Producers("orders"))
		require.Empty(t, b.Producers("orders"))
		require.Len(t, addrs, 3)
		require.Equal(t, b.Addr(), addrs[2], "it is not changed")

		first.Goodbye(0)
		second.Goodbye(0)
		asked = nil
		require.NoError(t, second.Renew(t.Context(), addrs))
		require.Empty(t, asked, "there is nobody to speak for")
	}, embedded.WithBrokers(2))
}

package subscriber

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
)

// A Subscriber keeps nothing of a subscription that has not begun: programs may try for days.
func TestFailedSubscribeLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:1"}}, Group: "billing", StartTimeout: time.Second}, nil)
		require.NoError(t, err)
		_ = s.routes.Close() // so that nothing can begin
		sub, err := s.newSubscription(t.Context(), "orders")
		require.NoError(t, err)
		require.NoError(t, sub.starting.Err())
		require.Error(t, sub.begin(t.Context()))
		require.Error(t, sub.starting.Err())
		require.Empty(t, s.subscriptions)
		require.NoError(t, s.Close())
	})
}

package publisher_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// heartbeats counts those that have arrived at a server.
func heartbeats(c *embedded.Cluster, server string) int {
	synctest.Wait()
	return c.Stats()[server].Requests[headers.CodeHeartbeat]
}

// Brokers hear from a producer as soon as it has connected, and then every 30 s,
// also those that it has sent nothing to.
func TestPromiseHeartbeats(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		time.Sleep(time.Second)
		require.Zero(t, c.Stats().Accepted(), "no topic, no broker")

		first := publishOne(t, p, seen).MessageQueue.BrokerName
		require.Equal(t, 1, heartbeats(c, first), "at once")
		time.Sleep(5 * time.Minute)
		other := map[string]string{"broker-a": "broker-b", "broker-b": "broker-a"}[first]
		require.Equal(t, 11, heartbeats(c, first))
		require.Equal(t, 10, heartbeats(c, other))
		require.Zero(t, heartbeats(c, "nameserver-0"))
		require.Equal(t, 1, c.Stats()[first].Accepted)
		require.Equal(t, 1, c.Stats()[other].Accepted)
	}, embedded.WithBrokers(2))
}

// A broker that hangs keeps no heartbeat from the others, and is not dialed and
// greeted over and over: it gets its heartbeats like the others.
func TestPromiseHeartbeatOfHangingBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		for _, msg := range newMessages(4) {
			require.NoError(t, p.Publish(orders, msg))
		}
		synctest.Wait() // until both have been greeted
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Server == "broker-a" && r.Code == headers.CodeHeartbeat {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		time.Sleep(9*time.Minute + 5*time.Second)
		require.Equal(t, 19, heartbeats(c, "broker-b"))
		require.Equal(t, 19, heartbeats(c, "broker-a"))
		require.LessOrEqual(t, c.Stats()["broker-a"].Accepted, 19)
	}, embedded.WithBrokers(2))
}

// A publisher that is seldom used keeps its connection.
func TestPromiseConnectionOutlivesQuietHours(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		for range 50 { // seven hours and a half
			require.Equal(t, 1, publishOne(t, p, seen).Attempts)
			time.Sleep(9 * time.Minute)
		}
		require.Equal(t, 1, c.Stats()["broker-a"].Accepted)
	})
}

// One that is not used for longer is forgotten with its topic, connection and
// all, and comes back without an error or a second attempt.
func TestPromiseIdleForHours(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		for range 3 {
			elapsed := stopwatch()
			require.Equal(t, 1, publishOne(t, p, seen).Attempts)
			require.Zero(t, elapsed())
			time.Sleep(8 * time.Hour)
		}
	})
}

// Without heartbeats the connection is closed for silence, which the next
// Publish does not notice.
func TestPromiseIdleCloseIsNoError(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.OnResult, c.HeartbeatInterval, c.RouteRefreshInterval = seen.add, 24*time.Hour, 24*time.Hour
		})
		publishOne(t, p, seen)
		for closed := range 3 {
			time.Sleep(121 * time.Second)
			require.Zero(t, c.Stats()["broker-a"].Open)
			require.Equal(t, 1, publishOne(t, p, seen).Attempts)
			require.Equal(t, closed+2, c.Stats()["broker-a"].Accepted)
		}
	})
}

package publisher_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
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

// Brokers that a route names without a queue of the topic are not dialed. A publisher
// with many brokers asks some of them at a time, the connected ones first.
func TestPromiseHeartbeatsToManyBrokers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		const many = 200
		brokers := []string{`{"brokerName":"broker-a","brokerAddrs":{"0":"` + c.Broker(0).Addr() + `"}}`}
		queues := []string{`{"brokerName":"broker-a","writeQueueNums":1,"perm":6}`}
		for i := range many {
			brokers = append(brokers,
				fmt.Sprintf(`{"brokerName":"dead-%d","brokerAddrs":{"0":"dead-%d:1"}}`, i, i),
				fmt.Sprintf(`{"brokerName":"stray-%d","brokerAddrs":{"0":"stray-%d:1"}}`, i, i))
			queues = append(queues, fmt.Sprintf(`{"brokerName":"dead-%d","writeQueueNums":1,"perm":4}`, i))
		}
		onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[`+strings.Join(queues, ",")+`],"brokerDatas":[`+strings.Join(brokers, ",")+`]}`))
		var mu sync.Mutex
		dialed := make(map[string]int)
		now, most := 0, 0
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Cluster.DialTimeout = 2 * time.Second // less than a heartbeat's time: one goes on when its dial has ended
			cfg.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if strings.HasPrefix(addr, "dead") || strings.HasPrefix(addr, "stray") {
					mu.Lock()
					dialed[addr]++
					now++
					most = max(most, now)
					mu.Unlock()
					<-ctx.Done()
					mu.Lock()
					now--
					mu.Unlock()
					return nil, ctx.Err()
				}
				return c.Dial(ctx, network, addr)
			}
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		time.Sleep(29 * time.Second)
		require.Equal(t, 1, heartbeats(c, "broker-a"))
		time.Sleep(time.Second)
		require.Equal(t, 2, heartbeats(c, "broker-a"), "at once, whatever the others do")
		time.Sleep(29 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, 32, most)
		require.Len(t, dialed, many)
		require.NotContains(t, dialed, "stray-0:1")
	})
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
			c.OnResult, c.Cluster.HeartbeatInterval, c.Cluster.RouteRefreshInterval = seen.add, 24*time.Hour, 24*time.Hour
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

package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// loggedOn returns a publisher and a func that returns the lines of its log with
// that text.
func loggedOn(t *testing.T, c *embedded.Cluster, change func(*publisher.Config)) (*publisher.Publisher, func(watermill.LogLevel, string) []watermill.CapturedMessage) {
	t.Helper()
	cfg := publisher.Config{Cluster: c.Config()}
	if change != nil {
		change(&cfg)
	}
	logs := watermill.NewCaptureLogger()
	p, err := publisher.New(cfg, logs)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p, func(level watermill.LogLevel, text string) (lines []watermill.CapturedMessage) {
		synctest.Wait()
		for _, line := range logs.Captured()[level] {
			if line.Msg == text {
				lines = append(lines, line)
			}
		}
		return lines
	}
}

// What fails again and again is logged at once, and then every 30 s, with the
// count of what was left out.
func TestPromiseLogIsNotFlooded(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*publisher.Config)
		harm   func(*embedded.Cluster)
		level  watermill.LogLevel
		line   string
		field  string
	}{
		"name server": {
			harm:  func(c *embedded.Cluster) { c.NameServer(0).Stop() },
			level: watermill.InfoLogLevel, line: "RocketMQ name server failed", field: "addr",
		},
		"resolver": {
			change: func(c *publisher.Config) {
				c.Cluster.NameServers = nil
				c.Cluster.Resolver = routing.ResolverFunc(func(context.Context) ([]string, error) { return nil, errors.New("no directory today") })
			},
			level: watermill.ErrorLogLevel, line: "Cannot find the RocketMQ name servers, keeping the ones known, if any",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				if tc.harm != nil {
					tc.harm(c)
				}
				p, lines := loggedOn(t, c, tc.change)
				began := time.Now()
				require.Error(t, p.Publish(orders, newMessage("x")))
				require.Len(t, lines(tc.level, tc.line), 1, "in three seconds")
				for time.Since(began) < 100*time.Second {
					require.Error(t, p.Publish(orders, newMessage("x")))
				}
				found := lines(tc.level, tc.line)
				require.Len(t, found, 4)
				require.Equal(t, 0, found[0].Fields["unlogged"])
				require.Greater(t, found[1].Fields["unlogged"], 2)
				if tc.field != "" {
					require.Equal(t, c.NameServers()[0], found[1].Fields[tc.field])
				}
			})
		})
	}
}

// Brokers that are down are told of, though the callers are told as well: a log
// shows it where nobody looks at errors.
func TestPromiseDeadBrokersAreLogged(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, lines := loggedOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		failed := func() []watermill.CapturedMessage { return lines(watermill.InfoLogLevel, "RocketMQ broker failed") }
		require.Empty(t, failed())

		ctx, cancel := context.WithCancel(t.Context())
		everySend(c, embedded.Ignore())
		time.AfterFunc(time.Second, cancel)
		require.ErrorIs(t, p.Publish(orders, messageIn(ctx)), context.Canceled)
		require.Empty(t, failed(), "it was the caller who left")
		everySend(c, embedded.Fault{})

		addr := c.Broker(0).Addr()
		c.Broker(0).Stop()
		began := time.Now()
		require.Error(t, p.Publish(orders, newMessage("x")))
		require.Len(t, failed(), 1)
		require.Equal(t, "broker-a", failed()[0].Fields["broker"])
		require.Equal(t, addr, failed()[0].Fields["addr"])
		require.NotEmpty(t, failed()[0].Fields["cause"])
		for time.Since(began) < 40*time.Second {
			require.Error(t, p.Publish(orders, newMessage("x")))
		}
		require.Len(t, failed(), 2)
		require.Greater(t, failed()[1].Fields["unlogged"], 2)
	})
}

// Neither do connections that are lost again and again flood the log. Hooks hear of
// each.
func TestPromiseLostConnectionsAreLoggedNowAndThen(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var lost atomic.Int64
		p, lines := loggedOn(t, c, func(c *publisher.Config) {
			c.Hooks = append(c.Hooks, publisher.Hooks{Disconnected: func(string, error) { lost.Add(1) }})
		})
		const times = 50
		for range times {
			require.NoError(t, p.Publish(orders, newMessage("x")))
			c.Broker(0).DropConnections()
			time.Sleep(time.Second)
		}
		synctest.Wait()
		require.EqualValues(t, times, lost.Load())
		found := lines(watermill.InfoLogLevel, "Connection to RocketMQ lost")
		require.Len(t, found, 2)
		require.Equal(t, 0, found[0].Fields["unlogged"])
		require.Equal(t, 29, found[1].Fields["unlogged"])
		require.Equal(t, c.Broker(0).Addr(), found[1].Fields["addr"])
	})
}

// A name server that tells of many brokers that nobody can dial, others each time, is
// worth a line now and then, which names a few of them.
func TestPromiseUnusableBrokersAreLoggedSeldom(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var turn atomic.Int64
		onRequest(c, headers.CodeTopicRoute, func(r embedded.Request) embedded.Fault {
			brokers := []string{`{"brokerName":"broker-a","brokerAddrs":{"0":"` + c.Broker(0).Addr() + `"}}`}
			queues := []string{`{"brokerName":"broker-a","writeQueueNums":1,"perm":6}`}
			for i := range 500 {
				name := fmt.Sprintf(`"lost-%d-%d"`, turn.Load(), i)
				brokers = append(brokers, `{"brokerName":`+name+`,"brokerAddrs":{"0":"nowhere"}}`)
				queues = append(queues, `{"brokerName":`+name+`,"writeQueueNums":1,"perm":6}`)
			}
			turn.Add(1)
			return withBody(t, `{"queueDatas":[`+strings.Join(queues, ",")+`],"brokerDatas":[`+strings.Join(brokers, ",")+`]}`)(r)
		})
		p, lines := loggedOn(t, c, func(cfg *publisher.Config) { cfg.Cluster.RouteRefreshInterval = time.Second })
		require.NoError(t, p.Publish(orders, newMessage("x")))
		time.Sleep(40500 * time.Millisecond)
		require.Equal(t, int64(41), turn.Load())
		found := lines(watermill.InfoLogLevel, "RocketMQ broker cannot be used")
		require.Len(t, found, 2)
		require.Equal(t, 500, found[0].Fields["brokers"])
		require.Contains(t, found[0].Fields["cause"], "nowhere")
		require.Less(t, len(found[0].Fields["cause"].(string)), 1000)
		require.Equal(t, 29, found[1].Fields["unlogged"])
	})
}

// So is a cluster whose brokers, which may ask about transactions, cannot be found.
func TestPromiseSearchForBrokersIsLoggedSeldom(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.NameServer(0).Stop()
		_, lines := loggedOn(t, c, func(cfg *publisher.Config) {
			cfg.ProducerGroup = shop
			cfg.Transaction.Check = func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
				return publisher.TransactionUnknown
			}
		})
		time.Sleep(100 * time.Second)
		require.Len(t, lines(watermill.InfoLogLevel, "Cannot find the RocketMQ brokers that may ask about transactions"), 4)
	})
}

// A publisher whose cluster goes away closes without a word of trouble: it needs
// no route any more.
func TestPromiseCloseWithoutClusterLogsNoError(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, lines := loggedOn(t, c, nil)
		for range 4 {
			require.NoError(t, p.Publish(orders, newMessage("x")))
		}
		c.Intercept(func(embedded.Request) embedded.Fault { return embedded.Ignore() }) // the goodbye takes a second
		time.AfterFunc(500*time.Millisecond, func() {
			c.Broker(0).Stop()
			c.NameServer(0).Stop()
		})
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Equal(t, time.Second, elapsed())
		require.Len(t, lines(watermill.InfoLogLevel, "Connection to RocketMQ lost"), 2)
		require.Empty(t, lines(watermill.ErrorLogLevel, "Cannot refresh topic route, keeping the old one"))
	}, embedded.WithBrokers(2))
}

// Half messages that cannot be rolled back are as many as the broker likes.
func TestPromiseFailedRollbacksAreLoggedNowAndThen(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p, lines := loggedOn(t, c, func(cfg *publisher.Config) {
			cfg.ProducerGroup, cfg.RequireDurable = shop, true
			cfg.Transaction.Check = judging(publisher.TransactionRollback).check
		})
		everySend(c, embedded.StoreThenAnswer(headers.FlushDiskTimeout, "slow"))
		onEnd(c, embedded.Answer(headers.SystemError, "not today"))
		for began := time.Now(); time.Since(began) < 50*time.Second; time.Sleep(time.Second) {
			_, err := p.BeginTransaction(orders, newMessage("x"))
			require.Error(t, err)
		}
		found := lines(watermill.InfoLogLevel, "Cannot roll back half message, the check will")
		require.Len(t, found, 2)
		require.Equal(t, 29, found[1].Fields["unlogged"])
	})
}

package subscriber_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A program may start before the cluster is up, or while a part of it is not.
func TestSubscribeWaitsForServers(t *testing.T) {
	for name, down := range map[string]func(c *embedded.Cluster) (up func() error){
		"name server": func(c *embedded.Cluster) func() error {
			c.NameServer(0).Stop()
			return c.NameServer(0).Start
		},
		"broker": func(c *embedded.Cluster) func() error {
			c.Broker(0).Kill()
			return c.Broker(0).Start
		},
		"slow name server": func(c *embedded.Cluster) func() error {
			remove := c.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Server == c.NameServer(0).Name() {
					return embedded.Delay(time.Minute)
				}
				return embedded.Fault{}
			})
			return func() error { remove(); return nil }
		},
	} {
		for _, engine := range []subscriber.Engine{subscriber.Pull, subscriber.POP} {
			t.Run(name+"/"+string(engine), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
					require.NoError(t, err)
					up := down(c)
					logs := watermill.NewCaptureLogger()
					sub, err := subscriber.New(subscriber.Config{Cluster: c.Config(), Group: "billing", Engine: engine}, logs)
					require.NoError(t, err)
					upErr := make(chan error, 1)
					time.AfterFunc(8*time.Second, func() { upErr <- up() })
					if name == "broker" {
						require.NoError(t, sub.SubscribeInitialize("orders"))
					}
					messages, err := sub.Subscribe(t.Context(), "orders")
					require.NoError(t, err)
					require.NoError(t, <-upErr)
					pub, err := publisher.New(publisher.Config{Cluster: c.Config()}, nil)
					require.NoError(t, err)
					require.NoError(t, pub.Publish("orders", message.NewMessage("1", []byte("a book"))))
					(<-messages).Ack()
					require.NoError(t, sub.Close())
					require.NoError(t, pub.Close())
					require.NoError(t, c.Close())
				})
			})
		}
	}
}

// A broker that turns requests away for now, as it is busy or starts, is one that cannot be
// reached yet.
func TestSubscribeWaitsForBusyBrokers(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"busy":    embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy, start flow control for a while"),
		"late":    embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while"),
		"not yet": embedded.Answer(headers.ServiceNotAvailable, "the broker is not available now"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
				require.NoError(t, err)
				remove := c.Intercept(func(r embedded.Request) embedded.Fault {
					if r.Code == headers.CodeNotification {
						return fault
					}
					return embedded.Fault{}
				})
				sub, err := subscriber.New(subscriber.Config{Cluster: c.Config(), Group: "billing", Engine: subscriber.POP}, nil)
				require.NoError(t, err)
				time.AfterFunc(8*time.Second, remove)
				_, err = sub.Subscribe(t.Context(), "orders")
				require.NoError(t, err)
				require.NoError(t, sub.Close())
				require.NoError(t, c.Close())
			})
		})
	}
}

// Who has a wrong address is told so, at once by the log and in the end by the error.
func TestSubscribeGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 4))
		require.NoError(t, err)
		c.NameServer(0).Stop()
		logs := watermill.NewCaptureLogger()
		sub, err := subscriber.New(subscriber.Config{Cluster: c.Config(), Group: "billing", StartTimeout: 5 * time.Second}, logs)
		require.NoError(t, err)
		begin := time.Now()
		_, err = sub.Subscribe(t.Context(), "orders")
		var nameServers *routing.NameServersError
		require.ErrorAs(t, err, &nameServers)
		require.InDelta(t, 5*time.Second, time.Since(begin), float64(time.Second))
		require.Equal(t, 1, countOf(logs, "Cannot reach RocketMQ to consume a topic, trying again"))

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		begin = time.Now()
		_, err = sub.Subscribe(ctx, "orders")
		require.Error(t, err)
		require.Equal(t, time.Second, time.Since(begin))

		time.AfterFunc(time.Second, func() { _ = sub.Close() })
		begin = time.Now()
		_, err = sub.Subscribe(t.Context(), "orders")
		require.ErrorIs(t, err, subscriber.ErrClosed)
		require.Equal(t, time.Second, time.Since(begin))
		require.ErrorIs(t, sub.SubscribeInitialize("orders"), subscriber.ErrClosed)
		require.NoError(t, sub.Close())

		sub, err = subscriber.New(subscriber.Config{Cluster: c.Config(), Group: "billing"}, nil)
		require.NoError(t, err)
		time.AfterFunc(time.Second, func() { _ = sub.Close() })
		require.ErrorIs(t, sub.SubscribeInitialize("orders"), subscriber.ErrClosed)
		require.NoError(t, sub.Close())
		require.NoError(t, c.Close())
	})
}

func countOf(logs *watermill.CaptureLoggerAdapter, msg string) (n int) {
	synctest.Wait() // nobody logs while the lines are read
	for _, line := range logs.Captured()[watermill.ErrorLogLevel] {
		if line.Msg == msg {
			n++
		}
	}
	return n
}

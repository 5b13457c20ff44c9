package publisher_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// A broker that is registered under an address that nobody can dial, here IPv6
// without brackets, costs its own queues only, and a log line. Alone it is an error
// that names the address, without a single attempt to send.
func TestPromiseBadMasterAddress(t *testing.T) {
	const bad = "::1:10911"
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Broker(1).Kill()
		require.NoError(t, c.Broker(1).StartAt(bad))
		logger := watermill.NewCaptureLogger()
		p, err := publisher.New(publisher.Config{Cluster: c.Config()}, logger)
		require.NoError(t, err)
		defer p.Close()
		for range 10 {
			require.NoError(t, p.Publish(orders, newMessage("x")))
		}
		require.Len(t, messagesIn(c, orders), 10)
		synctest.Wait() // the route serves before the log line is written
		require.True(t, slices.ContainsFunc(logger.Captured()[watermill.InfoLogLevel], func(m watermill.CapturedMessage) bool {
			return m.Msg == "RocketMQ broker cannot be used" && strings.Contains(m.Fields["cause"].(string), bad)
		}))

		c.Broker(0).Stop()
		err = publisherOn(t, c, nil).Publish(orders, newMessage("x"))
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		var none *routing.NoQueueError
		require.ErrorAs(t, err, &none)
		require.Equal(t, routing.BadMasterAddress, none.Reason)
		require.Equal(t, bad, none.Unusable[0].Addr)
		require.Equal(t, "broker-b", none.Unusable[0].Broker)
	}, embedded.WithBrokers(2))
}

// A key whose queue is on such a broker, which only an order topic has, fails by an
// error that names the address.
func TestPromiseBadMasterAddressOfAnOrderTopic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Broker(1).Kill()
		require.NoError(t, c.Broker(1).StartAt("::1:10911"))
		err := publisherOn(t, c, byPayload).Publish(orders, newMessage("key-0"))
		var missing *routing.BrokerNotFoundError
		require.ErrorAs(t, err, &missing)
		require.Equal(t, "broker-b", missing.Broker)
		require.Equal(t, "::1:10911", missing.Unusable.Addr)
		require.ErrorContains(t, missing, "::1:10911")
	}, embedded.WithBrokers(2), embedded.WithOrderTopic(orders, "broker-b:3"))
}

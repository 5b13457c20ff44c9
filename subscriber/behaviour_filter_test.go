package subscriber_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Brokers without enablePropertyFilter, as they are by default, refuse SQL92, and Subscribe
// says so.
func TestSQLIsRefused(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("sql")
		cfg := w.config(engine, unique("group"))
		filter := subscriber.SQL("amount > 100")
		cfg.Filters = map[string]subscriber.Filter{topic: filter}
		sub := newSubscriber(t, cfg)
		requireRefused(t, func() error {
			_, err := sub.Subscribe(t.Context(), topic)
			return err
		}, filter, headers.SystemError)
		requireRefused(t, func() error { return sub.SubscribeInitialize(topic) }, filter, headers.SystemError)
		other := subscribe(t, sub, unique("other"))
		require.NotNil(t, other, "other topics are not affected")
	})
}

func requireRefused(t *testing.T, do func() error, filter subscriber.Filter, code headers.ResponseCode) {
	t.Helper()
	var err error
	var refused *subscriber.FilterError
	patiently(t, func() error {
		if err = do(); err == nil || errors.As(err, &refused) {
			return nil
		}
		return err
	})
	require.NotNil(t, refused)
	require.Equal(t, filter, refused.Filter)
	require.NotEmpty(t, refused.Broker)
	require.ErrorIs(t, err, &headers.StatusError{Code: code})
}

// With enablePropertyFilter brokers send what the condition is true for, also when it is
// delivered again by them.
func TestSQL(t *testing.T) {
	for _, version := range []string{"5.5.0", "4.9.7"} {
		t.Run(version, func(t *testing.T) {
			cluster := realbroker.Start(t, realbroker.Config{Version: version, BrokerProps: map[string]string{"enablePropertyFilter": "true"}})
			w := &world{name: version, cluster: rocketmq.Cluster{NameServers: cluster.NameServers()}, real: cluster}
			engines := []subscriber.Engine{subscriber.Pull}
			if version == "5.5.0" {
				engines = append(engines, subscriber.POP)
			}
			for _, engine := range engines {
				t.Run(string(engine), func(t *testing.T) {
					topic, bad := unique("sql"), unique("bad")
					cfg := w.config(engine, unique("group"))
					cfg.Redelivery = subscriber.RedeliveryConfig{MinPause: time.Second, MaxPause: time.Second, MaxLocalPause: time.Millisecond}
					cfg.Filters = map[string]subscriber.Filter{
						topic: subscriber.SQL("region = 'EU' AND amount > 10 AND TAGS = 'paid'"),
						bad:   subscriber.SQL("amount >"),
					}
					sub := newSubscriber(t, cfg)
					requireRefused(t, func() error {
						_, err := sub.Subscribe(t.Context(), bad)
						return err
					}, cfg.Filters[bad], headers.SubscriptionParseFailed)
					messages := subscribe(t, sub, topic)
					pub := w.publisher(t)
					for i := range 40 {
						m := message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(i)))
						m.Metadata.Set("region", []string{"EU", "US"}[i%2])
						m.Metadata.Set("amount", strconv.Itoa(i))
						m.Metadata.Set(marshaler.MetadataTag, "paid")
						require.NoError(t, pub.Publish(topic, m))
					}
					got := make(map[string]int)
					for len(got) < 14 { // 12, 14 … 38
						m := next(t, messages)
						n, err := strconv.Atoi(string(m.Payload))
						require.NoError(t, err)
						require.True(t, n > 10 && n%2 == 0, n)
						if n == 12 && info(t, m).Deliveries == 1 {
							m.Nack()
							continue
						}
						got[string(m.Payload)]++
						m.Ack()
					}
				})
			}
		})
	}
}

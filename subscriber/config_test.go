package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

func validConfig() subscriber.Config {
	return subscriber.Config{Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}, Group: "billing"}
}

func TestConfig(t *testing.T) {
	require.NoError(t, validConfig().Validate())
	for fault, change := range map[string]func(c *subscriber.Config){
		"Cluster.NameServers": func(c *subscriber.Config) { c.Cluster.NameServers = nil },
		"Client is not one":   func(c *subscriber.Config) { c.Client = &rocketmq.Client{} },
		"Group is":            func(c *subscriber.Config) { c.Group = "a b" },
		"Engine is \"push\"":  func(c *subscriber.Config) { c.Engine = "push" },
		"Engine is POP":       func(c *subscriber.Config) { c.Group, c.Engine = "", subscriber.POP },
		`Filters["orders"]: a tag is empty`: func(c *subscriber.Config) {
			c.Filters = map[string]subscriber.Filter{"orders": subscriber.Tags("a", " ")}
		},
		`Filters["orders"]: tag "a|b" has a |`: func(c *subscriber.Config) {
			c.Filters = map[string]subscriber.Filter{"orders": subscriber.Tags("a|b")}
		},
		`Filters["orders"]: tag * stands for`: func(c *subscriber.Config) {
			c.Filters = map[string]subscriber.Filter{"orders": subscriber.Tags("*")}
		},
		`Filters["orders"]: the condition is empty`: func(c *subscriber.Config) {
			c.Filters = map[string]subscriber.Filter{"orders": subscriber.SQL(" ")}
		},
		"Unreadable is":              func(c *subscriber.Config) { c.Unreadable = "panic" },
		"MaxDeliveries is -2":        func(c *subscriber.Config) { c.MaxDeliveries = -2 },
		"MaxInFlight.Messages is -1": func(c *subscriber.Config) { c.MaxInFlight.Messages = -1 },
		"MaxInFlight.Bytes is -1":    func(c *subscriber.Config) { c.MaxInFlight.Bytes = -1 },
		"Redelivery.MinPause is -":   func(c *subscriber.Config) { c.Redelivery.MinPause = -1 },
		"Redelivery.MinPause (1h": func(c *subscriber.Config) {
			c.Redelivery = subscriber.RedeliveryConfig{MinPause: time.Hour, MaxPause: time.Minute}
		},
		"Lease is 1ms": func(c *subscriber.Config) { c.Lease = time.Millisecond },
		"Lease is 24h": func(c *subscriber.Config) { c.Lease = 24 * time.Hour },
		"Lease is set": func(c *subscriber.Config) { c.Engine, c.Lease = subscriber.Pull, time.Minute },
		"CommitInterval is set": func(c *subscriber.Config) {
			c.Engine, c.CommitInterval = subscriber.POP, time.Minute
		},
		"CloseTimeout is -":   func(c *subscriber.Config) { c.CloseTimeout = -1 },
		"CreateTopics.Queues": func(c *subscriber.Config) { c.CreateTopics = topics.Config{Queues: -1} },
	} {
		c := validConfig()
		change(&c)
		require.ErrorContains(t, c.Validate(), fault)
		_, err := subscriber.New(c, nil)
		require.ErrorContains(t, err, "subscriber: config: ")
	}
}

func TestConfigReportsAllFaultsAtOnce(t *testing.T) {
	c := subscriber.Config{Group: "a b", MaxDeliveries: -2}
	for _, fault := range []string{"Cluster.NameServers", "Group is", "MaxDeliveries is"} {
		require.ErrorContains(t, c.Validate(), fault)
	}
}

func TestEndless(t *testing.T) {
	c := validConfig()
	c.MaxDeliveries = subscriber.Endless
	require.NoError(t, c.Validate())
}

func TestNames(t *testing.T) {
	require.Equal(t, "*", subscriber.Filter{}.String())
	require.Equal(t, "a || b", subscriber.Tags("a", "b").String())
	require.Equal(t, "x > 1", subscriber.SQL("x > 1").String())
	require.Equal(t, "earliest", subscriber.From{}.String())
	require.Equal(t, subscriber.From{}, subscriber.Earliest())
	require.Equal(t, "latest", subscriber.Latest().String())
	require.Equal(t, "2026-11-29T00:00:00Z", subscriber.At(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)).String())
}

// New needs no network, and Close gives everything back.
func TestNewNeedsNoNetwork(t *testing.T) {
	c := validConfig()
	c.Cluster.NameServers = []string{"127.0.0.1:1"}
	sub, err := subscriber.New(c, nil)
	require.NoError(t, err)
	require.Equal(t, "rocketmq.Subscriber", sub.String())
	require.NoError(t, sub.Stop())
	require.NoError(t, sub.Close())
	require.NoError(t, sub.Close())
	_, err = sub.Subscribe(t.Context(), "orders")
	require.ErrorIs(t, err, subscriber.ErrClosed)
	require.ErrorIs(t, sub.SubscribeInitialize("orders"), subscriber.ErrClosed)
	require.ErrorIs(t, sub.Seek(t.Context(), "orders", subscriber.Latest()), subscriber.ErrClosed)
	_, err = sub.Lag(t.Context(), "orders")
	require.ErrorIs(t, err, subscriber.ErrClosed)
}

// A broker that is too old says so in terms of this module.
func TestPOPNeedsBrokersOfFive(t *testing.T) {
	w := embeddedWorld(t, embedded.WithVersion(headers.Version4_9_7))
	pub := w.publisher(t)
	publish(t, pub, "orders", 1)
	sub := newSubscriber(t, w.config(subscriber.POP, "billing"))
	_, err := sub.Subscribe(t.Context(), "orders")
	var unsupported *rocketmq.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Equal(t, rocketmq.FeaturePOP, unsupported.Feature)
	require.Equal(t, headers.Version4_9_7, unsupported.Version)
	var failed *subscriber.SubscribeError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "orders", failed.Topic)
}

// Auto is POP where it is safe.
func TestAuto(t *testing.T) {
	for version, engine := range map[headers.Version]subscriber.Engine{
		headers.Version4_9_7: subscriber.Pull, headers.Version5_1_4: subscriber.Pull, headers.Version5_5_0: subscriber.POP,
	} {
		w := embeddedWorld(t, embedded.WithVersion(version))
		publish(t, w.publisher(t), "orders", 1)
		sub := newSubscriber(t, w.config(subscriber.Auto, "billing"))
		messages := subscribe(t, sub, "orders")
		require.Equal(t, once(1), consume(t, messages, 1))
		lag, err := sub.Lag(t.Context(), "orders")
		require.NoError(t, err)
		require.Equal(t, engine, lag.Engine, version)
	}
}

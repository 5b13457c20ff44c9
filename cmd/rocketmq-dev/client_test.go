package main

import (
	"context"
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

func itoa(n int) string { return strconv.Itoa(n) }

// within bounds what a test asks a server.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func clusterAt(nameServer string) rocketmq.Cluster {
	return rocketmq.Cluster{NameServers: []string{nameServer}}
}

// patient has a publisher send each message once and to the brokers in turn, however slow
// the machine is: an attempt that runs out of time is made again, and may store twice.
func patient(c publisher.Config) publisher.Config {
	c.SendTimeout, c.AttemptTimeout = patience, patience
	c.Avoidance.Disabled = true
	return c
}

func newPublisher(t testing.TB, cluster rocketmq.Cluster) *publisher.Publisher {
	t.Helper()
	pub, err := publisher.New(patient(publisher.Config{Cluster: cluster}), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pub.Close()) })
	return pub
}

// roundTrip publishes a message and receives it.
func roundTrip(t testing.TB, cluster rocketmq.Cluster, topic string) {
	t.Helper()
	require.NoError(t, newPublisher(t, cluster).Publish(topic, message.NewMessage("1", []byte("a book"))))
	require.Equal(t, []string{"1"}, receive(t, cluster, topic, 1))
}

// readers is for a Subscriber that a busy machine does not have give up: Close waits for
// the last acks to be confirmed.
func readers(cluster rocketmq.Cluster) subscriber.Config {
	return subscriber.Config{
		Cluster: cluster, Group: "readers", StartTimeout: patience, RequestTimeout: patience, CloseTimeout: patience,
	}
}

// receive returns the UUIDs of the first messages of a topic, in their order.
func receive(t testing.TB, cluster rocketmq.Cluster, topic string, count int) []string {
	t.Helper()
	sub, err := subscriber.New(readers(cluster), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Close()) }()
	ctx := within(t)
	messages, err := sub.Subscribe(ctx, topic)
	require.NoError(t, err)
	var ids []string
	for range count {
		select {
		case msg, ok := <-messages:
			require.True(t, ok, "%d of %d have come", len(ids), count)
			ids = append(ids, msg.UUID)
			msg.Ack()
		case <-ctx.Done():
			require.Len(t, ids, count)
		}
	}
	return ids
}

func newTransport(t testing.TB) *transport.Client {
	t.Helper()
	client, err := transport.New(transport.Config{DialTimeout: patience})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	return client
}

// brokersOf returns the addresses of brokers by name, as the name server has them.
func brokersOf(t testing.TB, nameServer string) map[string]string {
	t.Helper()
	infos, err := routing.InspectBrokers(within(t), newTransport(t), nameServer)
	require.NoError(t, err)
	addrs := make(map[string]string)
	for _, info := range infos {
		addrs[info.Name] = info.Addrs[routing.MasterID]
	}
	return addrs
}

// settingsOf returns the configuration of a broker.
func settingsOf(t testing.TB, addr string) (string, headers.Version) {
	t.Helper()
	answer, err := headers.Successful(newTransport(t).Invoke(within(t), addr, headers.BrokerConfig{}, nil))
	require.NoError(t, err)
	return string(answer.Body), answer.Version
}

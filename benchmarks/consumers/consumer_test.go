package consumers

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const (
	topic  = "topic"
	queues = 8
)

// startBroker starts an embedded broker with n messages in the topic.
func startBroker(t *testing.T, n int64) string {
	cluster, err := embedded.Start(embedded.WithTopic(topic, queues))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	publish(t, cluster.NameServers()[0], 0, n)
	return cluster.NameServers()[0]
}

// publish publishes messages with the numbers from first on.
func publish(t *testing.T, nameServer string, first, n int64) {
	p, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: []string{nameServer}},
		// A busy machine has no message sent again, which may store it twice.
		SendTimeout: time.Minute, AttemptTimeout: time.Minute,
	}, nil)
	require.NoError(t, err)
	var messages []*message.Message
	for i := range n {
		body := make([]byte, 100)
		meter.Stamp(body, first+i)
		messages = append(messages, message.NewMessage(watermill.NewUUID(), body))
	}
	require.NoError(t, p.Publish(topic, messages...))
	require.NoError(t, p.Close())
}

// kinds are the candidates that consume from the embedded broker.
var kinds = []Kind{OursPOP, OursPull, OursOrdered, ClientGo, RawPull, RawPop}

func TestEveryConsumerIsMeasured(t *testing.T) {
	const n = 1000
	nameServer := startBroker(t, n)
	for _, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			if kind == ClientGo && raceDetector {
				t.Skip("it has races of its own")
			}
			c, err := Open(kind, nameServer)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			task := meter.Task{Topic: topic, Group: "bench_" + string(kind), Queues: queues, Messages: n}
			m := meter.New(task)
			require.NoError(t, c.Consume(ctx, task, m))
			s, err := m.Sample()
			require.NoError(t, err)
			require.EqualValues(t, n, s.Seen)
			require.Zero(t, s.Duplicates)
			require.Positive(t, s.Measured)
		})
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := Open("nobody", "127.0.0.1:1")
	require.ErrorContains(t, err, "nobody")
}

func TestNoBroker(t *testing.T) {
	for _, kind := range []Kind{RawPull, RawPop} {
		c, err := Open(kind, "127.0.0.1:1")
		require.NoError(t, err)
		task := meter.Task{Topic: topic, Group: "nobody", Queues: queues, Messages: 10}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, c.Consume(ctx, task, meter.New(task)))
	}
}

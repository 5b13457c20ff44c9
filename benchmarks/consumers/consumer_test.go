package consumers

import (
	"context"
	"strconv"
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
			// Consumers have their defaults: where the machine stands still for some seconds
			// one may not end in order, or have messages again.
			for try := 1; ; try++ {
				s, err := consume(t, kind, nameServer, "bench_"+string(kind)+strconv.Itoa(try), n)
				if try < 3 && (err != nil || s.Duplicates > 0) {
					t.Logf("try %d: %v, %d messages twice", try, err, s.Duplicates)
					continue
				}
				require.NoError(t, err)
				require.EqualValues(t, n, s.Seen)
				require.Zero(t, s.Duplicates)
				require.Positive(t, s.Measured)
				return
			}
		})
	}
}

// consume has a new group consume all messages.
func consume(t *testing.T, kind Kind, nameServer, group string, n int64) (meter.Sample, error) {
	c, err := Open(kind, nameServer)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	task := meter.Task{Topic: topic, Group: group, Queues: queues, Messages: n}
	m := meter.New(task)
	if err := c.Consume(ctx, task, m); err != nil {
		return meter.Sample{}, err
	}
	return m.Sample()
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

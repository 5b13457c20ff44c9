package publisher_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// world is a cluster that behaviour tests run on, embedded or real. Whatever is
// asserted through it holds on every kind of cluster.
type world struct {
	name        string
	nameServers []string
	dial        func(ctx context.Context, network, addr string) (net.Conn, error)
	createTopic func(t testing.TB, name string, queues int)
	// read returns the n messages of a topic, bodies decompressed. On a real
	// cluster the official Java client reads them.
	read func(t testing.TB, topic string, n int) []stored
	// real is nil for an embedded cluster.
	real *realbroker.Cluster
	// embedded is nil for a real one.
	embedded *embedded.Cluster
	// version is what the brokers say they are.
	version headers.Version
}

// stored is a message as a broker has it.
type stored struct {
	Topic, Broker   string
	QueueID         int32
	QueueOffset     int64
	Body            []byte
	Properties      map[string]string
	Keys, Tags      string
	Flag, SysFlag   int32
	Born, StoredAt  int64
	Reconsumed      int32
	UniqueID        string
	OffsetMessageID string
}

// ext is the message as the Java client holds it, which decompresses every body.
func (s stored) ext() marshaler.MessageExt {
	return marshaler.MessageExt{
		Topic: s.Topic, Body: s.Body, SysFlag: s.SysFlag, Decompressed: marshaler.DecompressedAll,
		Flag: s.Flag, Properties: marshaler.PropertiesOf(s.Properties),
	}
}

// inEveryWorld runs a test on the embedded broker, as 5.5 over TCP and as 4.9 in
// memory, and on real 5.5.0 and 4.9.7 brokers.
func inEveryWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Run("embedded 5.5", func(t *testing.T) {
		test(t, embeddedWorld(t))
	})
	t.Run("embedded 4.9 in memory", func(t *testing.T) {
		w := embeddedWorld(t, embedded.InMemory(), embedded.WithVersion(headers.Version4_9_7))
		w.version = headers.Version4_9_7
		test(t, w)
	})
	inRealWorlds(t, test)
}

// inRealWorlds runs a test on real brokers, which tests share: each uses topics
// of its own.
func inRealWorlds(t *testing.T, test func(t *testing.T, w *world)) {
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			w := realWorld(t, sharedCluster(t, version))
			if strings.HasPrefix(version, "4.") {
				w.version = headers.Version4_9_7
			}
			test(t, w)
		})
	}
}

func embeddedWorld(t testing.TB, opts ...embedded.Option) *world {
	t.Helper()
	cluster, err := embedded.Start(opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	return &world{
		name:        "embedded",
		nameServers: cluster.NameServers(),
		dial:        cluster.Dial,
		createTopic: func(t testing.TB, name string, queues int) {
			require.NoError(t, cluster.CreateTopic(name, queues))
		},
		read: func(t testing.TB, topic string, n int) []stored {
			t.Helper()
			messages := messagesIn(cluster, topic)
			require.Len(t, messages, n)
			all := make([]stored, n)
			for i, m := range messages {
				all[i] = fromEmbedded(t, m)
			}
			return all
		},
		embedded: cluster,
		version:  headers.Version5_5_0,
	}
}

func fromEmbedded(t testing.TB, m embedded.Message) stored {
	plain, err := m.MessageExt().Message(0)
	require.NoError(t, err)
	return stored{
		Topic: m.Topic, Broker: m.BrokerName, QueueID: m.QueueID, QueueOffset: m.QueueOffset,
		Body: plain.Body, Properties: m.Properties, Keys: m.Keys, Tags: m.Tags, Flag: m.Flag, SysFlag: m.SysFlag,
		Born: m.BornTimestamp.UnixMilli(), StoredAt: m.StoreTimestamp.UnixMilli(), Reconsumed: m.ReconsumeTimes, UniqueID: m.UniqueKey, OffsetMessageID: m.OffsetMessageID,
	}
}

func realWorld(t testing.TB, cluster *realbroker.Cluster) *world {
	t.Helper()
	return &world{
		name:        "real",
		nameServers: cluster.NameServers(),
		createTopic: func(t testing.TB, name string, queues int) { cluster.CreateTopic(t, name, queues) },
		read: func(t testing.TB, topic string, n int) []stored {
			t.Helper()
			var all []stored
			for _, m := range cluster.Read(t, topic, n) {
				all = append(all, fromWitness(m))
			}
			require.Len(t, all, n)
			return all
		},
		real:    cluster,
		version: headers.Version5_5_0,
	}
}

func fromWitness(m realbroker.StoredMessage) stored {
	return stored{
		Topic: m.Topic, Broker: m.BrokerName, QueueID: m.QueueID, QueueOffset: m.QueueOffset,
		Body: m.Body, Properties: m.Properties, Keys: m.Keys, Tags: m.Tags, Flag: m.Flag, SysFlag: m.SysFlag,
		Born: m.BornTimestamp, StoredAt: m.StoreTimestamp, Reconsumed: m.ReconsumeTimes, UniqueID: m.MsgID, OffsetMessageID: m.OffsetMsgID,
	}
}

// newTopic returns a topic name that no other test uses, of letters RocketMQ knows.
func newTopic(t testing.TB, prefix string) string {
	t.Helper()
	return prefix + "-" + watermill.NewShortUUID()
}

// patience bounds what a test waits for on the real clock. Only tests that fail take it: a
// busy machine takes many times what an idle one does.
const patience = 4 * time.Minute

// publisherIn returns a publisher in that world, closed with the test.
func publisherIn(t testing.TB, w *world, change func(*publisher.Config)) *publisher.Publisher {
	t.Helper()
	cfg := publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: w.nameServers, Dial: w.dial, DialTimeout: time.Minute},
		// A busy machine has no message sent again, which may store it twice.
		SendTimeout: time.Minute, AttemptTimeout: time.Minute,
	}
	if change != nil {
		change(&cfg)
	}
	p, err := publisher.New(cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// results collects what OnResult is told.
type results struct{ c chan publisher.Result }

func newResults() *results { return &results{make(chan publisher.Result, 100_000)} }

func (r *results) add(result publisher.Result) { r.c <- result }

// next returns the next result, which must be there.
func (r *results) next(t testing.TB) publisher.Result {
	t.Helper()
	select {
	case result := <-r.c:
		return result
	default:
		t.Fatal("OnResult was not called")
		return publisher.Result{}
	}
}

// requireOneAttempt requires that a message had one attempt. Those are not counted that a
// busy machine had no route for in time: a look-up has a second.
func requireOneAttempt(t testing.TB, r publisher.Result) {
	t.Helper()
	n := r.Attempts
	for _, failed := range r.Failed {
		if errors.Is(failed.Err, routing.ErrNoAnswer) {
			n--
		}
	}
	require.Equal(t, 1, n, "%+v", r.Failed)
}

// unmarshal turns a stored message back into the Watermill message, as a
// subscriber would.
func unmarshal(t testing.TB, s stored) *message.Message {
	t.Helper()
	_, msg, err := marshaler.Reader{}.Read(s.ext())
	require.NoError(t, err)
	return msg
}

// requireSameMessage compares byte for byte, nil and empty payloads included.
func requireSameMessage(t testing.TB, want, got *message.Message) {
	t.Helper()
	require.Equal(t, want.UUID, got.UUID)
	require.Equal(t, want.Payload, got.Payload)
	if len(want.Metadata) != 0 || len(got.Metadata) != 0 {
		require.Equal(t, want.Metadata, got.Metadata)
	}
}

// at picks the message that a result says is stored there.
func at(t testing.TB, all []stored, r publisher.Result) stored {
	t.Helper()
	for _, s := range all {
		queue := routing.MessageQueue{Topic: s.Topic, BrokerName: s.Broker, QueueID: s.QueueID}
		if queue == r.MessageQueue && s.QueueOffset == r.QueueOffset {
			return s
		}
	}
	require.Fail(t, "no message there", "%+v of %+v", r, all)
	return stored{}
}

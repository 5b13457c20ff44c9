package requestreply_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// patience is how long a test waits for what has to come, on the real clock: a busy machine
// may take many times what an idle one does.
const patience = 3 * time.Minute

// world is where a test runs: on the embedded broker, or on a real one.
type world struct {
	cluster  rocketmq.Cluster
	real     *realbroker.Cluster // nil on the embedded broker
	embedded *embedded.Cluster   // nil on a real one
	inBubble bool
	engine   subscriber.Engine
	logger   watermill.LoggerAdapter
}

// everywhere runs a test on the embedded broker and on real ones, by POP and by pulls.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		c, err := embedded.Start()
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		test(t, &world{cluster: c.Config(), embedded: c, engine: subscriber.POP})
	})
	for _, v := range realbroker.Versions() {
		t.Run(v, func(t *testing.T) { test(t, realWorld(t, v)) })
	}
}

func realWorld(t *testing.T, version string) *world {
	t.Helper()
	return worldOn(shared.Cluster(t, version), version)
}

func worldOn(c *realbroker.Cluster, version string) *world {
	w := &world{cluster: rocketmq.Cluster{NameServers: c.NameServers(), DialTimeout: patience}, real: c, engine: subscriber.POP}
	if strings.HasPrefix(version, "4.") {
		w.engine = subscriber.Pull
	}
	return w
}

// pull has the responders pull, which brokers before 5.0 want.
func (w *world) pull() { w.engine = subscriber.Pull }

const topic = "prices"

// inBubble runs a test on an embedded cluster in memory, whose time is that of the bubble.
func inBubble(t *testing.T, test func(t *testing.T, w *world), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic(topic, 2)}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		test(t, &world{cluster: c.Config(), embedded: c, inBubble: true, engine: subscriber.POP})
	})
}

// unique returns a name that no other test uses.
func unique(prefix string) string {
	return prefix + "-" + strings.ReplaceAll(watermill.NewUUID(), "-", "")[:12]
}

func (w *world) requesterConfig() requestreply.RequesterConfig {
	cfg := requestreply.RequesterConfig{
		Publisher: publisher.Config{
			Cluster: w.cluster, ProducerGroup: "requesters",
			CreateTopics: topics.Config{Enabled: true, Queues: 4},
		},
		Timeout: 30 * time.Second,
	}
	if !w.inBubble { // on the real clock a busy machine takes its time
		cfg.Timeout, cfg.Publisher.SendTimeout, cfg.Publisher.AttemptTimeout = patience, patience, patience
	}
	// A heartbeat that runs out of time ends the connection that it was on, and what is sent
	// on that one is sent again: requests have another.
	cfg.Publisher.Cluster.VIPChannel = w.real != nil
	return cfg
}

func (w *world) requester(t *testing.T, change ...func(cfg *requestreply.RequesterConfig)) *requestreply.Requester {
	t.Helper()
	cfg := w.requesterConfig()
	for _, c := range change {
		c(&cfg)
	}
	r, err := requestreply.NewRequester(cfg, w.logger)
	require.NoError(t, err)
	return r
}

func (w *world) responder(t *testing.T, change ...func(cfg *requestreply.ResponderConfig)) *requestreply.Responder {
	t.Helper()
	cfg := requestreply.ResponderConfig{Cluster: w.cluster}
	if !w.inBubble {
		cfg.ReplyTimeout = patience
	}
	for _, c := range change {
		c(&cfg)
	}
	r, err := requestreply.NewResponder(cfg, w.logger)
	require.NoError(t, err)
	return r
}

// serve subscribes to the topic and handles its messages as a router does, several at once.
// The func that it returns ends that and waits.
func (w *world) serve(t *testing.T, topic string, handler message.NoPublishHandlerFunc) (stop func()) {
	t.Helper()
	sub, err := subscriber.New(subscriber.Config{
		Cluster: w.cluster, Group: unique("responders"), Engine: w.engine, From: subscriber.Earliest(),
		RequestTimeout: 30 * time.Second, StartTimeout: patience,
		CreateTopics: topics.Config{Enabled: true, Queues: 4},
	}, w.logger)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	messages, err := sub.Subscribe(ctx, topic)
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for msg := range messages {
			all.Go(func() {
				if handler(msg) != nil {
					msg.Nack()
				} else {
					msg.Ack()
				}
			})
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		_ = sub.Close()
		all.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// echo replies with the payload and the metadata of the request, and a mark.
func echo(request *message.Message) (*message.Message, error) {
	reply := message.NewMessage("reply-"+request.UUID, append(message.Payload("reply to "), request.Payload...))
	for name, value := range request.Metadata {
		reply.Metadata.Set(name, value)
	}
	reply.Metadata.Set("from", "ours")
	return reply, nil
}

func newRequest(payload string) *message.Message {
	return message.NewMessage(watermill.NewUUID(), message.Payload(payload))
}

// createTopic creates a topic, on the embedded broker or a real one.
func (w *world) createTopic(t *testing.T, topic string) {
	t.Helper()
	if w.real != nil {
		w.real.CreateTopic(t, topic, 4)
		return
	}
	require.NoError(t, w.embedded.CreateTopic(topic, 4))
}

// publisherConfig is that of a publisher that a busy machine does not have send twice.
func (w *world) publisherConfig() publisher.Config {
	cfg := publisher.Config{Cluster: w.cluster, SendTimeout: patience, AttemptTimeout: patience}
	cfg.Cluster.VIPChannel = w.real != nil // as that of requests
	return cfg
}

// requestError is the *RequestError that err has to be.
func requestError(t *testing.T, err error) *requestreply.RequestError {
	t.Helper()
	var failed *requestreply.RequestError
	require.ErrorAs(t, err, &failed)
	return failed
}

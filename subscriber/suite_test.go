package subscriber_test

import (
	"context"
	"path"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// suite is Watermill's universal test of a Pub/Sub, for one way to consume.
type suite struct {
	name    string
	engine  subscriber.Engine
	ordered bool
}

var (
	popSuite         = suite{"pop", subscriber.POP, false}
	orderedPOPSuite  = suite{"ordered pop", subscriber.POP, true}
	pullSuite        = suite{"pull", subscriber.Pull, false}
	orderedPullSuite = suite{"ordered pull", subscriber.Pull, true}
)

// features are what RocketMQ can do. ExactlyOnceDelivery and
// NewSubscriberReceivesOldMessages are not among them.
//
// The suite's TestReconnect looks at the messages that it has published while it still
// notes them (test_pubsub.go of Watermill 1.5.1), so it runs without the race detector, in
// make test_full. TestFaultBrokerKilled kills brokers as well.
func (s suite) features(t *testing.T, w *world) tests.Features {
	f := tests.Features{ConsumerGroups: true, Persistent: true, GuaranteedOrder: s.ordered}
	if w.real != nil && realbroker.Full() && !raceEnabled {
		f.RestartServiceCommand = w.real.Broker(0).RestartCommand(t)
	}
	return f
}

// pubSubOfGroup makes a publisher and a subscriber of a group.
func (s suite) pubSubOfGroup(w *world) tests.ConsumerGroupPubSubConstructor {
	return func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
		logger := watermill.NewStdLogger(false, false)
		pcfg := publisher.Config{
			Cluster: w.cluster,
			// Longer than a broker takes to start again.
			SendTimeout: patience, AttemptTimeout: patience,
		}
		pcfg.Cluster.VIPChannel = w.real != nil // as that of the other tests
		if s.ordered {
			pcfg.OrderingKey = func(_ string, m *message.Message) (string, error) { return "key-" + string(m.Payload), nil }
		}
		pub, err := publisher.New(pcfg, logger)
		require.NoError(t, err)
		cfg := subscriber.Config{
			Cluster: w.cluster, Group: group, Engine: s.engine, Ordered: s.ordered,
			CloseTimeout:   2 * time.Second, // the suite leaves messages unanswered
			RequestTimeout: realTimeout, StartTimeout: patience,
			CreateTopics: topics.Config{Enabled: true, Queues: 4},
		}
		if s.ordered { // the suite nacks the first message of a queue some 75 times
			cfg.MaxDeliveries, cfg.Redelivery.MaxPause = subscriber.Endless, 100*time.Millisecond
		}
		sub, err := subscriber.New(cfg, logger)
		require.NoError(t, err)
		return pub, patient{sub}
	}
}

// patient subscribes until servers answer in time, since the suite does so only once.
type patient struct{ *subscriber.Subscriber }

func (p patient) Subscribe(ctx context.Context, topic string) (messages <-chan *message.Message, err error) {
	err = p.try(ctx, func() error {
		messages, err = p.Subscriber.Subscribe(ctx, topic)
		return err
	})
	return messages, err
}

func (p patient) SubscribeInitialize(topic string) error {
	return p.try(context.Background(), func() error { return p.Subscriber.SubscribeInitialize(topic) })
}

func (p patient) try(ctx context.Context, do func() error) error {
	err := do()
	for begin := time.Now(); err != nil && !isClosed(err) && ctx.Err() == nil && time.Since(begin) < realTimeout; err = do() {
		pass(100 * time.Millisecond)
	}
	return err
}

// pubSub makes those of one test, which have one group that no other test has.
func (s suite) pubSub(w *world) tests.PubSubConstructor {
	ofGroup := s.pubSubOfGroup(w)
	return func(t *testing.T) (message.Publisher, message.Subscriber) {
		return ofGroup(t, "suite-"+path.Base(t.Name()))
	}
}

func (s suite) run(t *testing.T, w *world) {
	tests.TestPubSub(t, s.features(t, w), s.pubSub(w), s.pubSubOfGroup(w))
}

func TestSuite(t *testing.T) {
	for _, s := range []suite{popSuite, orderedPOPSuite, pullSuite, orderedPullSuite} {
		t.Run("embedded/"+s.name, func(t *testing.T) { s.run(t, embeddedWorld(t)) })
	}
	for _, on := range []struct {
		version string
		suites  []suite
		full    bool // only if everything is to be tested
	}{
		{"5.5.0", []suite{popSuite, orderedPOPSuite, pullSuite, orderedPullSuite}, false},
		{"4.9.7", []suite{pullSuite}, false},
		{"4.9.7", []suite{orderedPullSuite}, true},
		{"5.3.3", []suite{popSuite, orderedPOPSuite, pullSuite, orderedPullSuite}, true},
		{"5.1.4", []suite{popSuite, pullSuite}, true},
	} {
		for _, s := range on.suites {
			t.Run(on.version+"/"+s.name, func(t *testing.T) {
				if on.full {
					realbroker.RequireFull(t)
				}
				s.run(t, realWorld(t, on.version))
			})
		}
	}
}

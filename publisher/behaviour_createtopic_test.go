package publisher_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// topicOn is a topic as one broker has it.
type topicOn struct {
	Read, Write, Perm int
	Type              string
}

// topicsIn returns how each broker that has the topic has it. On real brokers the
// official admin client tells.
func topicsIn(t testing.TB, w *world, topic string) []topicOn {
	t.Helper()
	var found []topicOn
	if w.real != nil {
		for _, s := range w.real.State(t) {
			if s.Kind == "topic" && s.Name == topic {
				found = append(found, topicOn{s.ReadQueues, s.WriteQueues, s.Perm, s.Attributes["message.type"]})
			}
		}
		return found
	}
	for _, b := range w.embedded.Brokers() {
		for _, s := range b.Topics() {
			if s.Name == topic {
				found = append(found, topicOn{s.ReadQueues, s.WriteQueues, s.Perm, s.Attributes["message.type"]})
			}
		}
	}
	return found
}

// twoMasters runs a test on clusters of two masters that create no topics.
func twoMasters(t *testing.T, test func(t *testing.T, w *world, version headers.Version)) {
	for _, c := range []struct {
		version string
		number  headers.Version
	}{{"5.5.0", headers.Version5_5_0}, {"5.1.4", 441}, {"4.9.7", headers.Version4_9_7}} {
		t.Run("embedded "+c.version, func(t *testing.T) {
			test(t, embeddedWorld(t, embedded.WithBrokers(2), embedded.WithoutAutoCreateTopic(), embedded.WithVersion(c.number)), c.number)
		})
		t.Run("real "+c.version, func(t *testing.T) {
			realbroker.RequireVersion(t, c.version)
			test(t, realWorld(t, realbroker.Start(t, realbroker.Config{
				Version: c.version, Brokers: 2, BrokerProps: map[string]string{"autoCreateTopicEnable": "false"},
			})), c.number)
		})
	}
}

func TestCreateTopics(t *testing.T) {
	twoMasters(t, func(t *testing.T, w *world, version headers.Version) {
		// Without the option nothing is created.
		plain := publisherIn(t, w, nil)
		topic := newTopic(t, "created")
		var noRoute *routing.NoRouteError
		require.ErrorAs(t, plain.Publish(topic, newMessage("x")), &noRoute)
		require.Empty(t, topicsIn(t, w, topic))

		// With it the topic is on both masters after the first messages, and all
		// of its queues get some, however slow one of the brokers is.
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.CreateTopics = topics.Config{Enabled: true, Queues: 3}
			c.Avoidance.Disabled = true
		})
		const callers, rounds = 8, 2
		var wg sync.WaitGroup
		errs := make(chan error, callers)
		for n := range callers {
			wg.Go(func() { errs <- p.Publish(topic, newMessage(fmt.Sprint("first ", n))) })
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		want := topicOn{3, 3, headers.PermRead | headers.PermWrite, ""}
		require.Equal(t, []topicOn{want, want}, topicsIn(t, w, topic))
		for i := range rounds * 6 {
			require.NoError(t, p.Publish(topic, newMessage(fmt.Sprint(i))))
		}
		queues := make(map[string]int)
		for _, s := range w.read(t, topic, callers+rounds*6) {
			queues[fmt.Sprint(s.Broker, " ", s.QueueID)]++
		}
		require.Len(t, queues, 6, "every queue of both brokers has messages: %v", queues)
		for queue, n := range queues {
			require.GreaterOrEqual(t, n, rounds, queue)
		}

		// One that is there stays as it is.
		w.createTopic(t, topic+"-old", 1)
		old := topicOn{1, 1, headers.PermRead | headers.PermWrite, ""}
		require.NoError(t, p.Publish(topic+"-old", newMessage("x")))
		require.NoError(t, p.CreateTopic(t.Context(), topic+"-old"))
		require.Equal(t, []topicOn{old, old}, topicsIn(t, w, topic+"-old"))

		// A message type, and no reading.
		typed := publisherIn(t, w, func(c *publisher.Config) {
			c.CreateTopics = topics.Config{Enabled: true, MessageType: topics.FIFO, Permission: topics.WriteOnly}
		})
		err := typed.Publish(topic+"-fifo", newMessage("x"))
		if version < headers.Version5_0_0 {
			var unsupported *rocketmq.UnsupportedError
			require.ErrorAs(t, err, &unsupported)
			require.Equal(t, rocketmq.FeatureMessageType, unsupported.Feature)
			require.Equal(t, headers.Version4_9_7, unsupported.Version)
			require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
			requireOneAttempt(t, failureOf(t, err).Results[0])
			require.Empty(t, topicsIn(t, w, topic+"-fifo"))
			require.ErrorAs(t, typed.CreateTopic(t.Context(), topic+"-fifo"), &unsupported)
			return
		}
		require.NoError(t, err)
		fifo := topicOn{4, 4, headers.PermWrite, "FIFO"}
		require.Equal(t, []topicOn{fifo, fifo}, topicsIn(t, w, topic+"-fifo"))

		// Explicitly, under a name that is mapped.
		require.NoError(t, typed.CreateTopic(t.Context(), topic+".x"))
		mapped, err := marshaler.EscapeTopics{}.MapTopic(topic + ".x")
		require.NoError(t, err)
		require.Equal(t, []topicOn{fifo, fifo}, topicsIn(t, w, mapped.Name))

		// Brokers without enableMixedMessageType refuse the type MIXED, each. Those
		// before 5.3.2 do not look at it.
		mixed := publisherIn(t, w, func(c *publisher.Config) {
			c.CreateTopics = topics.Config{Enabled: true, MessageType: topics.Mixed}
		})
		err = mixed.Publish(topic+"-mixed", newMessage("x"))
		if version < 477 {
			require.NoError(t, err)
			all := topicOn{4, 4, headers.PermRead | headers.PermWrite, "MIXED"}
			require.Equal(t, []topicOn{all, all}, topicsIn(t, w, topic+"-mixed"))
			return
		}
		var failed *topics.CreateError
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, &headers.StatusError{Code: headers.InvalidParameter})
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		requireOneAttempt(t, failureOf(t, err).Results[0])
		require.Empty(t, failed.Created)
		require.Len(t, failed.Brokers, 2)
		require.Equal(t, "broker-a", failed.Brokers[0].Broker)
		require.Empty(t, topicsIn(t, w, topic+"-mixed"))
	})
}

// Where brokers create topics by themselves, the one that gets the first message
// does. The option has them on all.
func TestCreateTopicsBesideAutoCreate(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics = topics.Config{Enabled: true, Queues: 2} })
		require.NoError(t, p.Publish("created", newMessage("x")))
		for _, b := range c.Brokers() {
			require.Contains(t, b.Topics(), embedded.Topic{
				Name: "created", ReadQueues: 2, WriteQueues: 2, Perm: headers.PermRead | headers.PermWrite, Attributes: map[string]string{},
			})
		}
	}, embedded.WithBrokers(2))
}

// The settings are those of CreateTopics, not those that a broker would have gone by.
func TestCreateTopicsOutdoesAutoCreate(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "created")
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.CreateTopics = topics.Config{Enabled: true, Queues: 7, Permission: topics.ReadWrite}
		})
		require.NoError(t, p.Publish(topic, newMessages(30)...))
		require.Equal(t, []topicOn{{7, 7, headers.PermRead | headers.PermWrite, ""}}, topicsIn(t, w, topic))
		require.Len(t, w.read(t, topic, 30), 30)
	})
}

// Callers that find the topic missing at once share its creation.
func TestCreateTopicsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.CreateTopics.Enabled = true
			// Each message goes alone, so that many ask for the route at once.
			cfg.Batch.MaxMessages = 1
		})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { require.NoError(t, p.Publish("created", newMessage("x"))) })
		}
		wg.Wait()
		require.Equal(t, 50, storedIn(c, "created"))
		require.Equal(t, 2, c.Stats().Requests(headers.CodeCreateTopic))
	}, embedded.WithBrokers(2), embedded.WithoutAutoCreateTopic())
}

// What a broker has is kept even if the name servers do not know it.
func TestCreateTopicsKeepsWhatNameServersDoNotKnow(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.Broker(0).CreateTopic("hidden", 7))
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Command.Fields.String("topic") == "hidden" && r.Code == headers.CodeTopicRoute {
				return embedded.Answer(headers.TopicNotExist, "not yet")
			}
			return embedded.Fault{}
		})
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Enabled = true })
		var noRoute *routing.NoRouteError
		require.ErrorAs(t, p.Publish("hidden", newMessage("x")), &noRoute)
		require.Zero(t, c.Stats().Requests(headers.CodeCreateTopic))
	}, embedded.WithBrokers(2), embedded.WithoutAutoCreateTopic())
}

// A broker that refuses is named, beside those that have created the topic. The
// next message goes to these; CreateTopic makes up for the rest.
func TestCreateTopicsPartly(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		stop := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Server == "broker-b" && r.Code == headers.CodeCreateTopic {
				return embedded.Answer(headers.InvalidParameter, "not here")
			}
			return embedded.Fault{}
		})
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Enabled = true })
		err := p.Publish("created", newMessage("x"))
		var failed *topics.CreateError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, []string{"broker-a"}, failed.Created)
		require.Equal(t, "broker-b", failed.Brokers[0].Broker)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		require.Equal(t, `cannot create topic "created" on every broker (broker-a created it): broker-b (`+c.Broker(1).Addr()+
			`): answered INVALID_PARAMETER (29): not here`, failed.Error())
		require.Zero(t, storedIn(c, "created"))

		require.NoError(t, p.Publish("created", newMessage("x")))
		require.Error(t, p.CreateTopic(t.Context(), "created"))
		stop()
		require.NoError(t, p.CreateTopic(t.Context(), "created"))
		require.Len(t, topicsIn(t, &world{embedded: c}, "created"), 2)
	}, embedded.WithBrokers(2), embedded.WithoutAutoCreateTopic())
}

// Name servers that do not show the topic in time fail the call, which says that
// the topic is there.
func TestCreateTopicNotRouted(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		remove := onRequest(c, headers.CodeTopicRoute, func(embedded.Request) embedded.Fault {
			return embedded.Answer(headers.TopicNotExist, "not yet")
		})
		err := p.CreateTopic(t.Context(), "created")
		require.ErrorIs(t, err, topics.ErrNotRouted)
		var failed *topics.CreateError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, []string{"broker-a"}, failed.Created)
		remove()
		require.NoError(t, p.CreateTopic(t.Context(), "created"))
		require.NoError(t, p.Publish("created", newMessage("x")))
	}, embedded.WithoutAutoCreateTopic())
}

// While a broker cannot be reached nothing is created. A message waits for it as
// long as it may.
func TestCreateTopicsWaitsForBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Enabled = true })
		c.Broker(1).Kill()
		err := p.Publish("created", newMessage("x"))
		var failed *topics.CreateError
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.Empty(t, topicsIn(t, &world{embedded: c}, "created"))

		done := make(chan error)
		go func() { done <- p.Publish("created", newMessage("x")) }()
		time.Sleep(time.Second) // of the bubble
		require.NoError(t, c.Broker(1).Start())
		require.NoError(t, <-done)
		require.Len(t, topicsIn(t, &world{embedded: c}, "created"), 2)
	}, embedded.WithBrokers(2), embedded.WithoutAutoCreateTopic())
}

// Close ends a creation that hangs, and a caller that leaves does not.
func TestCreateTopicEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, func(cfg *publisher.Config) { cfg.CloseTimeout = time.Second })
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeTopicStats {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := p.CreateTopic(ctx, "created")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var failed *topics.CreateError
		require.ErrorAs(t, err, &failed)

		done := make(chan error)
		go func() { done <- p.CreateTopic(context.Background(), "other") }()
		synctest.Wait()
		require.ErrorIs(t, p.Close(), publisher.ErrCloseTimeout)
		require.Error(t, <-done)
		require.ErrorIs(t, p.CreateTopic(t.Context(), "created"), publisher.ErrClosed)
	}, embedded.WithoutAutoCreateTopic())
}

// Topics with a dead letter's name, and names that brokers keep, are not created.
func TestCreateTopicsLeavesGroupsTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Enabled = true; cfg.Topics = fixedTopic("%RETRY%group") })
		var noRoute *routing.NoRouteError
		require.ErrorAs(t, p.Publish("any", newMessage("x")), &noRoute)
		require.Zero(t, c.Stats().Requests(headers.CodeCreateTopic))
	}, embedded.WithoutAutoCreateTopic())
}

package pop_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// deadLetters returns the bodies in the group's dead letter topic.
func (w *world) deadLetters(n int) (bodies []string) {
	w.t.Helper()
	topic := headers.DeadLetterTopicPrefix + w.group
	if w.embedded != nil {
		list, err := w.embedded.AwaitMessages(w.t.Context(), topic, n)
		require.NoError(w.t, err)
		for _, m := range list {
			bodies = append(bodies, string(m.Body))
		}
	} else {
		for _, m := range w.real.Read(w.t, topic, n) {
			bodies = append(bodies, string(m.Body))
		}
	}
	slices.Sort(bodies)
	return bodies
}

// A message becomes a dead letter of the group whether it fails for the first time, after
// deliveries of this member, or after those of brokers, and does not come again.
func TestDeadLetter(t *testing.T) {
	for name, change := range map[string]func(cfg *delivery.Config){
		"first":  func(cfg *delivery.Config) { cfg.Redelivery.MaxDeliveries = 1 },
		"local":  func(cfg *delivery.Config) { cfg.Redelivery.MaxDeliveries = 3 },
		"broker": func(cfg *delivery.Config) { cfg.Redelivery.MaxDeliveries = 2; brokerNacks(cfg) },
	} {
		for _, mode := range []struct {
			name   string
			engine func(cfg *engine.Config)
		}{{"any order", nil}, {"in order", inOrder}} {
			if mode.engine != nil && name == "broker" {
				continue // lanes wait for all pauses then
			}
			t.Run(name+" "+mode.name, func(t *testing.T) {
				onAll(t, 1, func(w *world) {
					want := numbered("m", 5)
					w.publish(want...)
					m := w.member(mode.engine)
					s := m.subscribe(func(cfg *delivery.Config) {
						change(cfg)
						cfg.Ordered = mode.engine != nil
					}, engine.Topic{})
					stop := make(chan struct{})
					go func() {
						for msg := range s.output.Channel() {
							msg.Nack()
						}
						close(stop)
					}()
					require.Equal(w.t, want, w.deadLetters(5))
					require.NoError(w.t, s.end(5*time.Second))
					<-stop
					m.close()
					again := w.member(mode.engine)
					s = again.subscribe(func(cfg *delivery.Config) { cfg.Ordered = mode.engine != nil }, engine.Topic{})
					s.none(8 * time.Second)
					require.NoError(w.t, s.end(time.Second))
					again.close()
					require.Equal(w.t, want, w.deadLetters(5))
				}, "5.5.0", "5.1.4", kvMode)
			})
		}
	}
}

// withoutRetryQueues has the group of a member lose what it sends back.
func (m *member) withoutRetryQueues() {
	w := m.w
	w.t.Helper()
	config := headers.NewSubscriptionGroupConfig(w.group)
	config.RetryQueues = 0
	body, err := config.Encode()
	require.NoError(w.t, err)
	var route *routing.Route
	w.patiently(func() (err error) {
		route, err = m.session.Routes().ReadRoute(w.t.Context(), w.topic)
		return err
	})
	addr := route.Replicas()[0].Addr
	_, err = headers.Successful(m.session.Client().Invoke(w.t.Context(), addr, headers.CreateSubscriptionGroup{}, body))
	require.NoError(w.t, err)
}

// buryOnce has dead letters made after the first delivery, and tells of what has failed.
func buryOnce(cfg *delivery.Config) <-chan error {
	failed := make(chan error, 1)
	cfg.Redelivery.MaxDeliveries = 1
	cfg.DeadLetter = func(ctx context.Context, m *delivery.Message) error {
		err := m.Bury(ctx)
		select {
		case failed <- err:
		default:
		}
		return err
	}
	return failed
}

// A group without retry queues would lose its dead letters without a word: that is an error,
// and the messages stay with the member.
func TestDeadLetterWithoutRetryQueues(t *testing.T) {
	onAll(t, 1, func(w *world) {
		m := w.member(nil)
		m.withoutRetryQueues()
		w.publish("a")
		var failed <-chan error
		s := m.subscribe(func(cfg *delivery.Config) { failed = buryOnce(cfg) }, engine.Topic{})
		s.next().Nack()
		require.ErrorIs(w.t, <-failed, engine.ErrNoRetryQueues)
		require.NoError(w.t, s.end(0))
		s = m.subscribe(nil, engine.Topic{})
		require.Equal(w.t, []string{"a"}, s.take(1))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	}, "5.5.0", "5.1.4")
}

// A broker that does not say whether it keeps dead letters, for now, gets none: it is asked
// again.
func TestDeadLetterIsKeptUntilTheBrokerTells(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"cut": embedded.DropConnection(), "busy": embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]"),
		"no answer": embedded.DelayAnswer(time.Hour), "failed": embedded.Answer(headers.SystemError, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				m := w.member(nil)
				m.withoutRetryQueues()
				w.publish("a")
				r := w.requests()
				r.next(headers.CodeSubscriptionGroup, fault)
				var failed <-chan error
				s := m.subscribe(func(cfg *delivery.Config) { failed = buryOnce(cfg) }, engine.Topic{})
				s.next().Nack()
				err := <-failed
				require.Error(w.t, err)
				require.NotErrorIs(w.t, err, engine.ErrNoRetryQueues)
				require.ErrorIs(w.t, <-failed, engine.ErrNoRetryQueues)
				require.NoError(w.t, s.end(0))
				require.Zero(w.t, r.take(headers.CodeConsumerSendBack))
				s = m.subscribe(nil, engine.Topic{})
				require.Equal(w.t, []string{"a"}, s.take(1))
				require.NoError(w.t, s.end(time.Second))
				m.close()
			})
		})
	}
}

// Brokers count deliveries that no handler has seen: the first failure may be the last one.
func TestLostDeliveriesCount(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a")
		r := w.requests()
		r.all(headers.CodePopMessage, embedded.DelayAnswer(time.Hour))
		m := w.member(func(cfg *engine.Config) { cfg.Lease, cfg.RequestTimeout = 20*time.Second, 2*time.Second })
		s := m.subscribe(func(cfg *delivery.Config) { cfg.Redelivery.MaxDeliveries = 3 }, engine.Topic{})
		time.Sleep(90 * time.Second)
		r.all(headers.CodePopMessage, embedded.Fault{})
		msg := s.next()
		require.GreaterOrEqual(w.t, deliveryOf(msg), 3)
		msg.Nack()
		require.Equal(w.t, []string{"a"}, w.deadLetters(1))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// A broker that will never say whether it keeps dead letters is taken to.
func TestDeadLetterOfABrokerThatDoesNotTell(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"not known":   embedded.Answer(headers.RequestNotSupported, ""),
		"no group":    embedded.Answer(headers.SubscriptionGroupNotExist, ""),
		"not allowed": embedded.Answer(headers.NoPermission, "User:billing has no permission to access Group:billing"),
		"refused":     embedded.Answer(headers.NoPermission, ""),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(w *world) {
				w.publish("a")
				r := w.requests()
				r.all(headers.CodeSubscriptionGroup, fault)
				m := w.member(nil)
				s := m.subscribe(func(cfg *delivery.Config) { cfg.Redelivery.MaxDeliveries = 1 }, engine.Topic{})
				s.next().Nack()
				require.Equal(w.t, []string{"a"}, w.deadLetters(1))
				require.NoError(w.t, s.end(time.Second))
				m.close()
				w.nothingLeft(time.Minute)
			})
		})
	}
}

// A letter that is stored, with less safety than the broker is configured for, is there.
func TestDeadLetterWithLessSafety(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		m := w.member(nil)
		w.publish("a")
		w.requests().all(headers.CodeConsumerSendBack, embedded.StoreThenAnswer(headers.SystemError, "SLAVE_NOT_AVAILABLE"))
		var failed <-chan error
		s := m.subscribe(func(cfg *delivery.Config) { failed = buryOnce(cfg) }, engine.Topic{})
		s.next().Nack()
		require.NoError(w.t, <-failed)
		require.NoError(w.t, s.end(time.Second))
		m.close()
		letters, err := w.embedded.Messages(headers.DeadLetterTopicPrefix + w.group)
		require.NoError(w.t, err)
		require.Len(w.t, letters, 1)
		w.nothingLeft(2 * time.Minute)
	})
}

package pop_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/pop"
)

// world is a cluster with a topic and a group that nobody else uses.
type world struct {
	t       testing.TB
	cluster rocketmq.Cluster
	topic   string
	group   string
	// embedded is nil on real brokers, real on embedded ones.
	embedded *embedded.Cluster
	real     *realbroker.Cluster
	masters  int // real ones
}

// inBubble runs a test on an embedded cluster in memory, in a bubble, which fails if a
// goroutine is left.
func inBubble(t *testing.T, queues int, test func(w *world), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithReviveLag(2 * time.Second)}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		require.NoError(t, c.CreateTopic("orders", queues))
		test(&world{t: t, cluster: c.Config(), topic: "orders", group: "billing", embedded: c})
	})
}

// onReal returns a world of real brokers.
func onReal(t *testing.T, c *realbroker.Cluster, queues int) *world {
	t.Helper()
	id := watermill.NewShortUUID()
	w := &world{t: t, cluster: rocketmq.Cluster{NameServers: c.NameServers()}, topic: "topic-" + id, group: "group-" + id, real: c, masters: 1}
	w.createTopic(queues)
	return w
}

func (w *world) createTopic(queues int) {
	w.t.Helper()
	client, err := rocketmq.Connect(w.cluster, nil)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, client.Close()) }()
	m := client.Session().NewMember(session.Role{})
	defer m.Leave()
	for i := range w.masters {
		_, err := headers.Successful(m.Client().Invoke(w.t.Context(), w.real.Broker(i).Addr, &headers.CreateTopic{
			Topic: w.topic, ReadQueues: int32(queues), WriteQueues: int32(queues), Perm: headers.PermRead | headers.PermWrite,
		}, nil))
		require.NoError(w.t, err)
	}
	require.Eventually(w.t, func() bool {
		route, err := m.Routes().ReadRoute(w.t.Context(), w.topic)
		if err != nil || len(route.ReadQueues()) < queues*w.masters {
			m.Routes().Refresh(w.topic)
			return false
		}
		return true
	}, time.Minute, 50*time.Millisecond)
}

// publish publishes messages with these payloads, which are their UUIDs as well.
func (w *world) publish(payloads ...string) {
	w.t.Helper()
	w.publishWith(publisher.Config{}, func(*message.Message) {}, payloads...)
}

func (w *world) publishWith(cfg publisher.Config, change func(m *message.Message), payloads ...string) {
	w.t.Helper()
	cfg.Cluster, cfg.SendTimeout = w.cluster, time.Minute
	p, err := publisher.New(cfg, nil)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, p.Close()) }()
	list := make([]*message.Message, len(payloads))
	for i, payload := range payloads {
		list[i] = message.NewMessage(payload, message.Payload(payload))
		change(list[i])
	}
	require.NoError(w.t, p.Publish(w.topic, list...))
}

// numbered returns n payloads.
func numbered(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%05d", prefix, i)
	}
	return list
}

// member is an Engine of the group, with what it needs.
type member struct {
	*pop.Engine
	w        *world
	client   *rocketmq.Client
	session  *session.Member
	logger   *watermill.CaptureLoggerAdapter
	observer *observer
}

func (w *world) member(change func(cfg *engine.Config)) *member {
	w.t.Helper()
	logger := watermill.NewCaptureLogger()
	m := &member{w: w, logger: logger, observer: &observer{}}
	var err error
	m.client, err = rocketmq.Connect(w.cluster, m.logger)
	require.NoError(w.t, err)
	events := session.Events{
		Connected: func(addr string) { m.Events().Connected(addr) },
		RouteChanged: func(topic string, view routing.View, before, after *routing.Route) {
			m.Events().RouteChanged(topic, view, before, after)
		},
	}
	m.session = m.client.Session().NewMember(session.Role{Events: events})
	cfg := engine.Config{
		Session: m.client.Session(), Member: m.session, Group: w.group, Lease: time.Minute, RequestTimeout: 5 * time.Second,
		AckLinger: 100 * time.Millisecond, Logger: m.logger, Observer: m.observer,
	}
	if change != nil {
		change(&cfg)
	}
	m.Engine = pop.New(cfg)
	require.NoError(w.t, m.session.Join())
	return m
}

// close ends the member. Its subscriptions must have been closed.
func (m *member) close() {
	m.w.t.Helper()
	require.NoError(m.w.t, m.Engine.Close(m.w.t.Context()))
	m.session.Leave()
	require.NoError(m.w.t, m.client.Close())
}

// observer counts what is fetched.
type observer struct {
	mu      sync.Mutex
	fetched int
	answers []int
}

func (o *observer) Fetched(_ string, _ routing.MessageQueue, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fetched += n
	o.answers = append(o.answers, n)
}

func (o *observer) Rebalanced(string, []routing.MessageQueue, []routing.MessageQueue) {}

func (o *observer) total() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.fetched
}

// subscription is a subscription of a member.
type subscription struct {
	engine.Fetcher
	m      *member
	output *delivery.Output
}

func (m *member) subscribe(change func(cfg *delivery.Config), topic engine.Topic) *subscription {
	m.w.t.Helper()
	s, err := m.trySubscribe(change, topic)
	require.NoError(m.w.t, err)
	return s
}

func (m *member) trySubscribe(change func(cfg *delivery.Config), topic engine.Topic) (*subscription, error) {
	cfg := delivery.Config{
		Context: m.w.t.Context(), Messages: 256, Bytes: 64 << 20,
		Make: func(m *delivery.Message) (*message.Message, error) {
			return message.NewMessage(string(m.Stored.Body), m.Stored.Body), nil
		},
		Redelivery: delivery.Redelivery{MinPause: 100 * time.Millisecond, MaxPause: time.Minute, MaxLocalPause: time.Minute, MaxDeliveries: 16},
		DeadLetter: func(ctx context.Context, m *delivery.Message) error { return m.Source.DeadLetter(ctx, m) },
		Observer:   silent{},
	}
	if change != nil {
		change(&cfg)
	}
	if topic.Name == "" {
		topic.Name = m.w.topic
	}
	s := &subscription{m: m, output: delivery.New(cfg)}
	var err error
	s.Fetcher, err = m.Engine.Subscribe(m.w.t.Context(), topic, s.output)
	return s, err
}

// end closes the subscription in the order that the Subscriber does it in. Handlers have
// the time that is given.
func (s *subscription) end(patience time.Duration) error {
	s.output.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.Fetcher.Stop(ctx)
	drain, cancelDrain := context.WithTimeout(context.Background(), patience)
	defer cancelDrain()
	s.output.Drain(drain)
	err := s.Fetcher.Close(ctx)
	taken, bytes := s.output.Budget().Taken()
	require.Zero(s.m.w.t, taken)
	require.Zero(s.m.w.t, bytes)
	return err
}

// silent is a delivery.Observer that hears nothing.
type silent struct{}

func (silent) Starting(m *delivery.Message, _ *message.Message) context.Context { return m.Context() }
func (silent) HandedOut(*delivery.Message)                                      {}
func (silent) Acked(*delivery.Message)                                          {}
func (silent) Nacked(*delivery.Message, time.Duration, bool, bool)              {}
func (silent) GaveUp(*delivery.Message)                                         {}
func (silent) Released(*delivery.Message)                                       {}
func (silent) Renewed(*delivery.Message)                                        {}
func (silent) LeaseLost(*delivery.Message, error)                               {}
func (silent) DeadLettered(*delivery.Message)                                   {}
func (silent) DeadLetterFailed(*delivery.Message, error)                        {}
func (silent) Unreadable(*delivery.Message, error)                              {}

// take receives n messages and acks them. It returns their payloads.
func (s *subscription) take(n int) []string {
	s.m.w.t.Helper()
	list := make([]string, 0, n)
	for range n {
		m := s.next()
		list = append(list, string(m.Payload))
		m.Ack()
	}
	return list
}

// next receives a message.
func (s *subscription) next() *message.Message {
	s.m.w.t.Helper()
	select {
	case m, ok := <-s.output.Channel():
		require.True(s.m.w.t, ok, "the channel is closed")
		return m
	case <-time.After(time.Minute):
		require.FailNow(s.m.w.t, "no message for a minute")
		return nil
	}
}

// awaitStop waits until the subscription hands out nothing any more. It returns what comes
// until then.
func (s *subscription) awaitStop() (messages []*message.Message) {
	for msg := range s.output.Channel() {
		messages = append(messages, msg)
	}
	return messages
}

// none says that no message comes for a time.
func (s *subscription) none(d time.Duration) {
	s.m.w.t.Helper()
	select {
	case m := <-s.output.Channel():
		require.FailNow(s.m.w.t, "unexpected message", "%s", m.Payload)
	case <-time.After(d):
	}
}

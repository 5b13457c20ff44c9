package pop_test

import (
	"context"
	"fmt"
	"slices"
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
	}, patience, 50*time.Millisecond)
}

// publish publishes messages with these payloads, which are their UUIDs as well.
func (w *world) publish(payloads ...string) {
	w.t.Helper()
	w.publishWith(publisher.Config{}, func(*message.Message) {}, payloads...)
}

func (w *world) publishWith(cfg publisher.Config, change func(m *message.Message), payloads ...string) {
	w.t.Helper()
	// Whatever is sent again may be stored twice.
	cfg.Cluster, cfg.SendTimeout, cfg.AttemptTimeout = w.cluster, patience, patience
	// A heartbeat that runs out of time ends the connection that it was on, and what is sent
	// on that one is sent again: messages have another.
	cfg.Cluster.VIPChannel = w.real != nil
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

// awaitStored waits until n messages can be read from the topic, which is a moment after
// their sends were answered: the end of a queue is before them until then.
func (w *world) awaitStored(n int64) {
	w.t.Helper()
	if w.real == nil {
		return
	}
	client, err := rocketmq.Connect(w.cluster, nil)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, client.Close()) }()
	m := client.Session().NewMember(session.Role{})
	defer m.Leave()
	require.Eventually(w.t, func() bool {
		route, err := m.Routes().ReadRoute(w.t.Context(), w.topic)
		if err != nil {
			return false
		}
		end := int64(0)
		for _, q := range route.ReadQueues() {
			answer, err := headers.Successful(m.Client().Invoke(w.t.Context(), w.real.Broker(0).Addr, &headers.QueueRequest{
				Code: headers.CodeMaxOffset, Topic: w.topic, QueueID: q.QueueID,
			}, nil))
			if err != nil {
				return false
			}
			offset, _, err := answer.Fields.Int("offset", 64)
			if err != nil {
				return false
			}
			end += offset
		}
		return end == n
	}, patience, 10*time.Millisecond)
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

// patience bounds what a test waits for: what a lease or a broker in trouble holds up comes
// after it, and a busy machine takes many times what an idle one does.
const patience = 3 * time.Minute

// requestTimeout is longer than a busy broker takes for an answer: some requests that are
// sent twice have an effect twice, such as a second dead letter.
const requestTimeout = 15 * time.Second

// realTimeout is that of requests to real brokers.
const realTimeout = 30 * time.Second

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
		Session: m.client.Session(), Member: m.session, Group: w.group, Lease: time.Minute, RequestTimeout: requestTimeout,
		AckLinger: 100 * time.Millisecond, Logger: m.logger, Observer: m.observer,
	}
	if w.real != nil {
		cfg.RequestTimeout = realTimeout
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
	answers []fetched
}

// fetched is an answer.
type fetched struct {
	queue    routing.MessageQueue
	messages int
}

func (o *observer) Fetched(_ string, queue routing.MessageQueue, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fetched += n
	o.answers = append(o.answers, fetched{queue, n})
}

// all returns the answers.
func (o *observer) all() []fetched {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.answers)
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
	var s *subscription
	m.w.patiently(func() (err error) {
		s, err = m.trySubscribe(change, topic)
		return err
	})
	return s
}

// patiently has something done that has to succeed, again and again where real brokers do
// not answer in time.
func (w *world) patiently(do func() error) {
	w.t.Helper()
	err := do()
	for begin := time.Now(); err != nil && w.real != nil && time.Since(begin) < patience; err = do() {
		time.Sleep(100 * time.Millisecond)
	}
	require.NoError(w.t, err)
}

func (m *member) trySubscribe(change func(cfg *delivery.Config), topic engine.Topic) (*subscription, error) {
	cfg := delivery.Config{
		Context: m.w.t.Context(), Messages: 256, Bytes: 64 << 20,
		Make: func(m *delivery.Message) (*message.Message, error) {
			return message.NewMessage(string(m.Stored.Body), m.Stored.Body), nil
		},
		Redelivery: delivery.Redelivery{MinPause: 100 * time.Millisecond, MaxPause: time.Minute, MaxLocalPause: time.Minute, MaxDeliveries: 16},
		DeadLetter: func(ctx context.Context, m *delivery.Message) error { return m.Bury(ctx) },
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
// the time that is given, and more on real brokers if they have any.
func (s *subscription) end(handlers time.Duration) error {
	limit := 2 * requestTimeout
	if s.m.w.real != nil {
		limit = patience
		if handlers > 0 {
			handlers = patience
		}
	}
	s.output.Stop()
	stop, cancelStop := context.WithTimeout(context.Background(), limit)
	defer cancelStop()
	s.Fetcher.Stop(stop)
	drain, cancelDrain := context.WithTimeout(context.Background(), handlers)
	defer cancelDrain()
	s.output.Drain(drain)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
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
	case <-time.After(patience):
		require.FailNow(s.m.w.t, "no message comes")
		return nil
	}
}

// nextAll receives n messages.
func (s *subscription) nextAll(n int) []*message.Message {
	s.m.w.t.Helper()
	list := make([]*message.Message, n)
	for i := range list {
		list[i] = s.next()
	}
	return list
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

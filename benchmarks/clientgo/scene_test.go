package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// servers are where a case plays.
type servers struct {
	kind        string // part of the names of clients, which this process has for several servers
	nameServers []string
	broker      string // its address
}

// scene is a case on its way: a topic and groups of its own, the clients that it makes, and
// what it has seen. Times, ids and addresses are not in what it has seen.
type scene struct {
	servers
	topic, group string
	instances    atomic.Int64

	mu      sync.Mutex
	seen    []string
	closers []func()
}

// scenePatience bounds each wait. The client looks at its share of queues every 20 s only.
const scenePatience = 3 * time.Minute

// sendPatience bounds each send. One that is not answered by then is sent a second time.
const sendPatience = time.Minute

func newScene(s servers, name string) *scene {
	return &scene{servers: s, topic: name + "-topic", group: name + "-group"}
}

func (s *scene) see(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, fmt.Sprintf(format, args...))
}

func (s *scene) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// onClose has f called when the scene is closed, what came last first.
func (s *scene) onClose(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, f)
}

func (s *scene) close() {
	s.mu.Lock()
	closers := s.closers
	s.closers = nil
	s.mu.Unlock()
	for _, f := range slices.Backward(closers) {
		f()
	}
}

// try does something again until it does not fail. Many calls of the client have a limit of a
// few seconds that nobody can set, and a machine with much to do stands still for longer.
func (s *scene) try(what string, do func() error) error {
	deadline := time.NewTimer(scenePatience)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("in vain waited for %s: %w; saw %q", what, err, s.lines())
		}
	}
}

var errNotYet = errors.New("not yet")

// await looks at the condition until it holds.
func (s *scene) await(what string, holds func() bool) error {
	return s.try(what, func() error {
		if !holds() {
			return errNotYet
		}
		return nil
	})
}

// instance is a name that no other client of the process has.
func (s *scene) instance() string {
	return fmt.Sprintf("%s-%s-%d", s.kind, s.topic, s.instances.Add(1))
}

func (s *scene) resolver() primitive.NsResolver {
	return primitive.NewPassthroughResolver(s.nameServers)
}

// createTopic creates a topic, and returns when the name servers know it.
func (s *scene) createTopic(name string, queues int) error {
	a, err := admin.NewAdmin(admin.WithResolver(s.resolver()))
	if err != nil {
		return err
	}
	defer a.Close()
	return s.try("the topic "+name, func() error {
		// The client does not tell whether the broker refuses.
		err := a.CreateTopic(context.Background(), admin.WithTopicCreate(name), admin.WithBrokerAddrCreate(s.broker),
			admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues))
		if err != nil {
			return err
		}
		found, err := a.FetchPublishMessageQueues(context.Background(), name)
		if err == nil && len(found) != queues {
			err = fmt.Errorf("has %d queues", len(found))
		}
		return err
	})
}

func (s *scene) message(body string) *primitive.Message {
	m := primitive.NewMessage(s.topic, []byte(body)).WithTag("tag").WithKeys([]string{"key-" + body})
	m.WithProperty("n", "1")
	return m
}

// producerTo creates the topic of the case with so many queues, and returns a producer.
func (s *scene) producerTo(queues int, options ...producer.Option) (rocketmq.Producer, error) {
	if err := s.createTopic(s.topic, queues); err != nil {
		return nil, err
	}
	return s.producer(options...)
}

func (s *scene) producer(options ...producer.Option) (rocketmq.Producer, error) {
	p, err := rocketmq.NewProducer(append([]producer.Option{
		producer.WithNsResolver(s.resolver()), producer.WithGroupName(s.group + "-producer"),
		producer.WithInstanceName(s.instance()), producer.WithSendMsgTimeout(sendPatience),
	}, options...)...)
	if err != nil {
		return nil, err
	}
	if err := p.Start(); err != nil {
		return nil, err
	}
	s.onClose(func() { _ = p.Shutdown() })
	return p, nil
}

// send sends messages to a queue, one after the other.
func (s *scene) send(queue int, bodies ...string) error {
	p, err := s.producer(producer.WithQueueSelector(producer.NewManualQueueSelector()))
	if err != nil {
		return err
	}
	for _, body := range bodies {
		m := s.message(body)
		m.Queue = s.queue(queue)
		if _, err := s.sendSync(p, m); err != nil {
			return err
		}
	}
	return nil
}

func (s *scene) sendSync(p rocketmq.Producer, messages ...*primitive.Message) (*primitive.SendResult, error) {
	var r *primitive.SendResult
	err := s.routed(func() error {
		var err error
		r, err = p.SendSync(context.Background(), messages...)
		return err
	})
	return r, err
}

// routed sends, and again while the client has no route for it: then it has sent nothing. It
// waits for routes for 6 s.
func (s *scene) routed(send func() error) error {
	var last error
	err := s.try("a route", func() error {
		last = send()
		if noRoute(last) {
			return last
		}
		return nil
	})
	return cmp.Or(err, last)
}

func (s *scene) queue(id int) *primitive.MessageQueue {
	return &primitive.MessageQueue{Topic: s.topic, BrokerName: "broker-a", QueueId: id}
}

// handling is how a push consumer of a case takes messages.
type handling struct {
	topic, group string // those of the scene if empty
	expression   string // all tags if empty
	sql          bool   // whether the expression is SQL92
	options      []consumer.Option
	// level is that of the next delivery of what failed, see ConsumeConcurrentlyContext.
	level int
	// succeeds says of a delivery, and how many there were of its body with it, whether it
	// succeeds; nil lets all.
	succeeds func(m *primitive.MessageExt, times int) bool
}

// push starts a push consumer, and returns what it takes and how to stop it before the
// scene ends.
func (s *scene) push(h handling) (got *taken, stop func(), err error) {
	// The client does not start without the route of the topic, which it waits for for 6 s.
	err = s.try("a push consumer", func() error {
		got, stop, err = s.startPush(h)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	s.onClose(stop)
	return got, stop, nil
}

func (s *scene) startPush(h handling) (*taken, func(), error) {
	got := &taken{succeeds: h.succeeds}
	c, err := rocketmq.NewPushConsumer(append([]consumer.Option{
		consumer.WithNsResolver(s.resolver()), consumer.WithGroupName(cmp.Or(h.group, s.group)), consumer.WithInstance(s.instance()),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}, h.options...)...)
	if err != nil {
		return nil, nil, err
	}
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: cmp.Or(h.expression, "*")}
	if h.sql {
		selector.Type = consumer.SQL92
	}
	err = c.Subscribe(cmp.Or(h.topic, s.topic), selector, func(ctx context.Context, batch ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		ok := true
		for _, m := range batch {
			ok = got.take(m) && ok
		}
		if ok {
			return consumer.ConsumeSuccess, nil
		}
		if inOrder, is := primitive.GetOrderlyCtx(ctx); is {
			inOrder.SuspendCurrentQueueTimeMillis = 200
			return consumer.SuspendCurrentQueueAMoment, nil
		}
		if concurrently, is := primitive.GetConcurrentlyCtx(ctx); is {
			concurrently.DelayLevelWhenNextConsume = h.level
		}
		return consumer.ConsumeRetryLater, nil
	})
	if err != nil {
		return nil, nil, err
	}
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	return got, sync.OnceFunc(func() { _ = c.Shutdown() }), nil
}

// seeStored notes the messages of a topic in the order of their bodies, once there are so
// many. It consumes them in a group of its own.
func (s *scene) seeStored(topic string, expect int) error {
	got, stop, err := s.push(handling{topic: topic, group: "reader-" + topic})
	if err != nil {
		return err
	}
	if err := s.await(fmt.Sprint(expect, " messages in ", topic), func() bool { return got.size() >= expect }); err != nil {
		return err
	}
	stop()
	for _, line := range got.texts() {
		s.see("stored: %s", line)
	}
	return nil
}

// taken is what a consumer was given.
type taken struct {
	succeeds func(m *primitive.MessageExt, times int) bool

	mu  sync.Mutex
	all []takenMessage
}

type takenMessage struct {
	*primitive.MessageExt
	text string // when it was delivered: the client may write into the message later
	at   time.Time
}

func (t *taken) take(m *primitive.MessageExt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, takenMessage{m, textOf(m), time.Now()})
	times := 0
	for _, other := range t.all {
		if string(other.Body) == string(m.Body) {
			times++
		}
	}
	return t.succeeds == nil || t.succeeds(m, times)
}

func (t *taken) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.all)
}

// bodies are sorted.
func (t *taken) bodies() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var bodies []string
	for _, m := range t.all {
		bodies = append(bodies, string(m.Body))
	}
	slices.Sort(bodies)
	return strings.Join(bodies, " ")
}

// inQueue are the bodies of a queue in the order of their deliveries.
func (t *taken) inQueue(id int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var bodies []string
	for _, m := range t.all {
		if m.Queue.QueueId == id {
			bodies = append(bodies, string(m.Body))
		}
	}
	return strings.Join(bodies, " ")
}

// sorted are the deliveries in the order of their texts, which begin with the bodies.
func (t *taken) sorted() []takenMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(slices.Values(t.all), func(a, b takenMessage) int { return strings.Compare(a.text, b.text) })
}

// texts are sorted.
func (t *taken) texts() []string {
	var texts []string
	for _, d := range t.sorted() {
		texts = append(texts, d.text)
	}
	return texts
}

// apart says whether so much time was between two deliveries.
func (t *taken) apart(first, second int, least time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[second].at.Sub(t.all[first].at) >= least
}

// varying are properties whose values are times, ids, addresses or chosen by chance.
var varying = []string{
	"UNIQ_KEY", "ORIGIN_MESSAGE_ID", "__transactionId__", "REAL_QID", "TIMER_OUT_MS", "CONSUME_START_TIME", "CORRELATION_ID", "REPLY_TO_CLIENT",
	"PUSH_REPLY_TIME", "ARRIVE_TIME", "MIN_OFFSET", "MAX_OFFSET",
}

// textOf is all of a message that does not vary.
func textOf(m *primitive.MessageExt) string {
	return fmt.Sprintf("%s system flag %d reconsumed %d", messageText(&m.Message), m.SysFlag, m.ReconsumeTimes)
}

func messageText(m *primitive.Message) string {
	var properties []string
	all := m.GetProperties()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		if slices.Contains(varying, name) {
			value = "there"
		}
		properties = append(properties, name+"="+value)
	}
	return fmt.Sprintf("%s of %s flag %d %v", m.Body, m.Topic, m.Flag, properties)
}

var codePattern = regexp.MustCompile(`CODE: (\d+)`)

// failure is the code of an error from a broker.
func failure(err error) string {
	if err == nil {
		return "no failure"
	}
	if m := codePattern.FindStringSubmatch(err.Error()); m != nil {
		return "code " + m[1]
	}
	return "no code"
}

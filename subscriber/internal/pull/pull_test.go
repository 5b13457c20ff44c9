package pull

import (
	"context"
	"fmt"
	"slices"
	"strconv"
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
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

const (
	topic  = "orders"
	group  = "billing"
	queues = 4 // of topic, on each broker
)

// inBubble runs a test with a cluster in memory in a bubble of its own, which fails if a
// goroutine outlives its owner's Close.
func inBubble(t *testing.T, test func(t *testing.T, c *embedded.Cluster), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic(topic, queues)}, opts...)...)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		test(t, c)
	})
}

// peer is one member of a group, with all that a Subscriber has.
type peer struct {
	t      testing.TB
	client *rocketmq.Client
	member *session.Member
	engine *Engine
	log    *watermill.CaptureLoggerAdapter
	subs   []*sub
	// joins is how long subscribe tries, 0 for once, and ends how long the end of a
	// subscription may take.
	joins, ends time.Duration
}

// observer tells nobody.
type observer struct {
	rebalanced func(topic string, after []routing.MessageQueue)
}

func (o observer) Fetched(string, routing.MessageQueue, int) {}

func (o observer) Rebalanced(topic string, _, after []routing.MessageQueue) {
	if o.rebalanced != nil {
		o.rebalanced(topic, after)
	}
}

// newPeer returns a peer that has not subscribed yet.
func newPeer(t testing.TB, cluster rocketmq.Cluster, group string, change func(*engine.Config)) *peer {
	t.Helper()
	client, err := rocketmq.Connect(cluster, watermill.NopLogger{})
	require.NoError(t, err)
	p := &peer{t: t, client: client, log: watermill.NewCaptureLogger(), ends: 10 * time.Second}
	handler := session.RequestHandler{
		Claim:  func(*transport.PeerRequest) int { return 1 },
		Handle: func(r *transport.PeerRequest) { p.engine.Serve(r) },
	}
	s := client.Session()
	p.member = s.NewMember(session.Role{
		Requests: map[headers.RequestCode]session.RequestHandler{
			headers.CodeConsumerIDsChanged: handler, headers.CodeResetClientOffset: handler, headers.CodeConsumerRunningInfo: handler,
		},
		Events: session.Events{RouteChanged: func(topic string, view routing.View, before, after *routing.Route) {
			p.engine.Events().RouteChanged(topic, view, before, after)
		}},
	})
	cfg := engine.Config{
		Session: s, Member: p.member, Group: group, RequestTimeout: 3 * time.Second, CommitInterval: 5 * time.Second,
		Logger: p.log, Observer: observer{},
	}
	if change != nil {
		change(&cfg)
	}
	p.engine = New(cfg)
	require.NoError(t, p.member.Join())
	t.Cleanup(p.abandon)
	return p
}

// abandon ends what a test that has failed leaves behind.
func (p *peer) abandon() {
	if !p.t.Failed() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, s := range p.subs {
		s.output.Drain(ctx)
	}
	_ = p.engine.Close(ctx)
	p.member.Leave()
	_ = p.client.Close()
}

// close ends the peer, whose subscriptions have ended.
func (p *peer) close() {
	p.t.Helper()
	require.NoError(p.t, p.engine.Close(p.t.Context()))
	p.member.Goodbye(time.Second)
	p.member.Leave()
	require.NoError(p.t, p.client.Close())
}

// kill ends the peer as if its process had been killed.
func (p *peer) kill() {
	require.NoError(p.t, p.client.Close())
}

// sub is a subscription whose messages are handled by one goroutine.
type sub struct {
	t       testing.TB
	fetcher engine.Fetcher
	output  *delivery.Output
	done    chan struct{}
	ends    time.Duration // how long end may take

	mu  sync.Mutex
	got []string
}

// quietly observes nothing.
type quietly struct{}

func (quietly) Starting(m *delivery.Message, _ *message.Message) context.Context { return m.Context() }
func (quietly) HandedOut(*delivery.Message)                                      {}
func (quietly) Acked(*delivery.Message)                                          {}
func (quietly) Nacked(*delivery.Message, time.Duration, bool, bool)              {}
func (quietly) GaveUp(*delivery.Message)                                         {}
func (quietly) Released(*delivery.Message)                                       {}
func (quietly) Renewed(*delivery.Message)                                        {}
func (quietly) LeaseLost(*delivery.Message, error)                               {}
func (quietly) DeadLettered(*delivery.Message)                                   {}
func (quietly) DeadLetterFailed(*delivery.Message, error)                        {}
func (quietly) Unreadable(*delivery.Message, error)                              {}

func ack(msg *message.Message) { msg.Ack() }

func outputConfig() delivery.Config {
	return delivery.Config{
		Context: context.Background(), Messages: 256, Bytes: 16 << 20,
		Make: func(m *delivery.Message) (*message.Message, error) {
			return message.NewMessage(string(m.Stored.Body), message.Payload(m.Stored.Body)), nil
		},
		Redelivery: delivery.Redelivery{MinPause: 10 * time.Millisecond, MaxPause: time.Minute, MaxLocalPause: time.Second},
		DeadLetter: func(ctx context.Context, m *delivery.Message) error { return m.Bury(ctx) },
		Observer:   quietly{},
	}
}

// subscribe subscribes, and hands each message to handle.
func (p *peer) subscribe(topic engine.Topic, handle func(*message.Message), change func(*delivery.Config)) *sub {
	p.t.Helper()
	cfg := outputConfig()
	cfg.Ordered = p.engine.cfg.Ordered
	if change != nil {
		change(&cfg)
	}
	s := &sub{t: p.t, output: delivery.New(cfg), done: make(chan struct{}), ends: p.ends}
	var err error
	for begin := time.Now(); ; {
		s.fetcher, err = p.engine.Subscribe(p.t.Context(), topic, s.output)
		if err == nil || time.Since(begin) >= p.joins {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	require.NoError(p.t, err)
	p.subs = append(p.subs, s)
	go func() {
		defer close(s.done)
		for msg := range s.output.Channel() {
			s.mu.Lock()
			s.got = append(s.got, msg.UUID)
			s.mu.Unlock()
			handle(msg)
		}
	}()
	return s
}

// received returns what has been handed out.
func (s *sub) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// end ends the subscription as a Subscriber does.
func (s *sub) end() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), s.ends)
	defer cancel()
	s.output.Stop()
	s.fetcher.Stop(ctx)
	s.output.Drain(ctx)
	require.NoError(s.t, s.fetcher.Close(ctx))
	<-s.done
}

// publish stores messages with these bodies in a queue of a broker.
func publish(t testing.TB, cl *rocketmq.Client, addr, topic string, queue int, bodies ...string) {
	t.Helper()
	m := cl.Session().NewMember(session.Role{})
	defer m.Leave()
	for _, body := range bodies {
		_, err := headers.Successful(m.Client().Invoke(t.Context(), addr, &headers.SendMessage{
			ProducerGroup: "shop", Topic: topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4,
			QueueID: int32(queue), BornTimestamp: time.Now().UnixMilli(),
		}, []byte(body)))
		require.NoError(t, err)
	}
}

// names returns prefix0 to prefix(n-1).
func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = prefix + strconv.Itoa(i)
	}
	return list
}

// fill stores n messages, one after the other in all queues of a broker.
func fill(t testing.TB, c *embedded.Cluster, cl *rocketmq.Client, prefix string, n int) []string {
	t.Helper()
	list := names(prefix, n)
	for i, name := range list {
		publish(t, cl, c.Broker(0).Addr(), topic, i%queues, name)
	}
	return list
}

// offsets returns what the group has committed in the queues of a broker, -1 for nothing.
func offsets(c *embedded.Cluster, group string) []int64 {
	list := make([]int64, queues)
	for i := range list {
		var ok bool
		if list[i], ok = c.Broker(0).ConsumerOffset(group, topic, int32(i)); !ok {
			list[i] = -1
		}
	}
	return list
}

func TestAllIsConsumedAndCommitted(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		want := fill(t, c, p.client, "a", 100)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.ElementsMatch(t, want, s.received())
		want = append(want, fill(t, c, p.client, "b", 10)...)
		synctest.Wait()
		require.ElementsMatch(t, want, s.received(), "while pulls wait")
		require.Len(t, s.fetcher.Queues(), queues)
		require.Equal(t, []int64{-1, -1, -1, -1}, offsets(c, group))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, []int64{28, 28, 27, 27}, offsets(c, group), "after the CommitInterval")
		fill(t, c, p.client, "c", 4)
		synctest.Wait()
		s.end()
		require.Equal(t, []int64{29, 29, 28, 28}, offsets(c, group))
		again := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.Empty(t, again.received())
		again.end()
		p.close()
	})
}

// A broker that forgets what it was told is told again, though nothing has changed: one
// that is killed does so, and a commit that nobody answers is lost with its connection.
func TestOffsetsAreToldAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		fill(t, c, p.client, "a", 4)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Minute)
		require.Equal(t, []int64{1, 1, 1, 1}, offsets(c, group))
		for queue := range queues {
			q := routing.MessageQueue{Topic: topic, BrokerName: c.Broker(0).Name(), QueueID: int32(queue)}
			require.NoError(t, p.engine.commit(t.Context(), q, 0))
		}
		time.Sleep(2 * tellAgain)
		require.Equal(t, []int64{1, 1, 1, 1}, offsets(c, group))
		s.end()
		p.close()
	})
}

// Members that join and leave divide the queues. What is acked is not consumed again.
func TestMembersJoinAndLeave(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		want := fill(t, c, a.client, "a", 100)
		first := a.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		second := b.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.Len(t, first.fetcher.Queues(), 2)
		require.Len(t, second.fetcher.Queues(), 2)
		require.Empty(t, second.received())
		want = append(want, fill(t, c, a.client, "b", 100)...)
		synctest.Wait()
		require.Len(t, second.received(), 50)
		first.end()
		time.Sleep(time.Second)
		require.Len(t, second.fetcher.Queues(), 4)
		want = append(want, fill(t, c, a.client, "c", 100)...)
		synctest.Wait()
		require.ElementsMatch(t, want, append(first.received(), second.received()...))
		second.end()
		require.Equal(t, []int64{75, 75, 75, 75}, offsets(c, group))
		a.close()
		b.close()
	})
}

// Many members that start together share the queues within two seconds, ordered ones as
// well.
func TestFiftyMembersStartTogether(t *testing.T) {
	for name, ordered := range map[string]bool{"": false, "ordered": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) { startTogether(t, c, ordered) })
		})
	}
}

func startTogether(t *testing.T, c *embedded.Cluster, ordered bool) {
	const members = 50
	require.NoError(t, c.CreateTopic("wide", 100))
	peers := make([]*peer, members)
	subs := make([]*sub, members)
	for i := range peers {
		peers[i] = newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.Ordered = ordered })
	}
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() { subs[i] = p.subscribe(engine.Topic{Name: "wide"}, ack, nil) })
	}
	wg.Wait()
	time.Sleep(2 * time.Second)
	var want []string
	for i := range 100 {
		name := fmt.Sprint("m", i)
		publish(t, peers[0].client, c.Broker(0).Addr(), "wide", i, name)
		want = append(want, name)
	}
	synctest.Wait()
	var got []string
	for _, s := range subs {
		require.Len(t, s.received(), 2)
		got = append(got, s.received()...)
	}
	require.ElementsMatch(t, want, got)
	for i, s := range subs {
		s.end()
		peers[i].close()
	}
}

package pull

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Times on the real clock, which only tests that fail take. A busy machine may take many
// times what an idle one does.
const (
	// patience bounds what a test waits for.
	patience = 3 * time.Minute
	// realTimeout is longer than a broker that lives takes for an answer: what is asked for
	// again may have an effect twice, such as a message that is sent back.
	realTimeout = 30 * time.Second
)

func realConfig(c *realbroker.Cluster) rocketmq.Cluster {
	return rocketmq.Cluster{NameServers: c.NameServers()}
}

// newRealPeer is newPeer for real brokers, which are given their time.
func newRealPeer(t testing.TB, c *realbroker.Cluster, group string, change func(*engine.Config)) *peer {
	t.Helper()
	p := newPeer(t, realConfig(c), group, func(cfg *engine.Config) {
		cfg.RequestTimeout = realTimeout
		if change != nil {
			change(cfg)
		}
	})
	p.joins, p.ends = patience, patience
	return p
}

// freshTopic makes a topic with so many queues on the first broker.
func freshTopic(t testing.TB, p *peer, c *realbroker.Cluster, queues int) string {
	t.Helper()
	name := "pull-" + uuid.NewString()
	_, err := headers.Successful(p.member.Client().Invoke(t.Context(), c.Broker(0).Addr, &headers.CreateTopic{
		Topic: name, ReadQueues: int32(queues), WriteQueues: int32(queues), Perm: headers.PermRead | headers.PermWrite,
	}, nil))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, err := p.member.Routes().ReadRoute(t.Context(), name)
		return err == nil
	}, patience, 50*time.Millisecond)
	return name
}

// publishAll stores n messages in the queues of a topic, each queue's in the order of their
// numbers, and retries until each is stored. It waits for the answer of a broker that lives
// for as long as it takes: a message that is sent once more is stored twice. So it has a
// connection of its own, which no request of others that runs out of time ends.
func publishAll(t testing.TB, c *realbroker.Cluster, topic string, queues, n int) {
	t.Helper()
	cl, err := rocketmq.Connect(realConfig(c), nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = cl.Close() }() // there is nothing under way
	m := cl.Session().NewMember(session.Role{})
	defer m.Leave()
	addr := c.Broker(0).Addr
	fanout.Each(queues, queues, func(q int) {
		for i := q; i < n; i += queues {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				_, err := headers.Successful(m.Client().Invoke(ctx, addr, &headers.SendMessage{
					ProducerGroup: "shop", Topic: topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4,
					QueueID: int32(q), BornTimestamp: time.Now().UnixMilli(),
				}, []byte(strconv.Itoa(i))))
				cancel()
				if err == nil || t.Context().Err() != nil {
					break
				}
				time.Sleep(100 * time.Millisecond) // a broker that is away
			}
		}
	})
}

// ledger counts what all members of a group have consumed.
type ledger struct {
	mu    sync.Mutex
	acked map[string]int
}

func newLedger() *ledger { return &ledger{acked: make(map[string]int)} }

func (l *ledger) handle(msg *message.Message) {
	l.mu.Lock()
	l.acked[msg.UUID]++
	l.mu.Unlock()
	msg.Ack()
}

// count returns how many messages were consumed, and how often one was again.
func (l *ledger) count() (messages, again int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.acked {
		again += n - 1
	}
	return len(l.acked), again
}

func (l *ledger) await(t testing.TB, n int) {
	t.Helper()
	require.Eventually(t, func() bool { got, _ := l.count(); return got >= n }, patience, 10*time.Millisecond)
}

// Three members join and leave while messages come. Nobody dies, and handlers are quick,
// so that no message is consumed twice. Only a machine that is too busy to hand a queue over
// while its next owner waits has some again, and not time after time.
func TestRealMembersJoinAndLeave(t *testing.T) {
	onReal(t, func(t *testing.T, c *realbroker.Cluster) {
		const attempts = 10
		for attempt := 1; ; attempt++ {
			again := joinAndLeave(t, c)
			if again == 0 {
				return
			}
			require.Less(t, attempt, attempts, "%d messages were consumed again", again)
		}
	})
}

// joinAndLeave returns how many messages were consumed again.
func joinAndLeave(t *testing.T, c *realbroker.Cluster) (again int) {
	const n, queues = 10_000, 8
	group := "g-" + uuid.NewString()
	var peers [3]*peer
	for i := range peers {
		peers[i] = newRealPeer(t, c, group, nil)
	}
	topic := engine.Topic{Name: freshTopic(t, peers[0], c, queues)}
	var wg sync.WaitGroup
	wg.Go(func() { publishAll(t, c, topic.Name, queues, n) })
	l := newLedger()
	first := peers[0].subscribe(topic, l.handle, nil)
	l.await(t, n/10)
	second := peers[1].subscribe(topic, l.handle, nil)
	l.await(t, 2*n/10)
	third := peers[2].subscribe(topic, l.handle, nil)
	require.Eventually(t, func() bool {
		return len(first.fetcher.Queues()) == 3 || len(first.fetcher.Queues()) == 2
	}, patience, 10*time.Millisecond)
	l.await(t, 4*n/10)
	first.end()
	l.await(t, 6*n/10)
	third.end()
	wg.Wait()
	l.await(t, n)
	second.end()
	got, again := l.count()
	t.Logf("%d messages, %d consumed again", got, again)
	require.Equal(t, n, got)
	requireCommitted(t, peers[0], topic.Name, n)
	for _, p := range peers {
		p.close()
	}
	return again
}

// requireCommitted checks that the offsets of a group in a topic add up.
func requireCommitted(t testing.TB, p *peer, topic string, n int) {
	t.Helper()
	var sum int64
	patiently(t, func() (err error) {
		sum, err = committedIn(t, p, topic)
		return err
	})
	require.EqualValues(t, n, sum)
}

// patiently does something that has to succeed, and again if servers have not answered in
// time.
func patiently(t testing.TB, do func() error) {
	t.Helper()
	err := do()
	for begin := time.Now(); err != nil && time.Since(begin) < patience; err = do() {
		time.Sleep(100 * time.Millisecond)
	}
	require.NoError(t, err)
}

// committedIn adds up the offsets of the peer's group in a topic.
func committedIn(t testing.TB, p *peer, topic string) (sum int64, err error) {
	route, err := p.member.Routes().ReadRoute(t.Context(), topic)
	if err != nil {
		return 0, err
	}
	for _, q := range route.ReadQueues() {
		offset, _, _, err := p.engine.committed(t.Context(), q)
		if err != nil {
			return 0, err
		}
		sum += offset
	}
	return sum, nil
}

// A broker that is killed and started again has lost at most what it was told in the last
// seconds: nothing is lost, and not much is consumed again.
func TestRealBrokerIsKilled(t *testing.T) {
	realbroker.Require(t)
	c := realbroker.Start(t, realbroker.Config{Version: "5.5.0"})
	const n, queues = 10_000, 8
	group := "g-" + uuid.NewString()
	a, b := newRealPeer(t, c, group, nil), newRealPeer(t, c, group, nil)
	topic := engine.Topic{Name: freshTopic(t, a, c, queues)}
	var wg sync.WaitGroup
	wg.Go(func() { publishAll(t, c, topic.Name, queues, n) })
	l := newLedger()
	first, second := a.subscribe(topic, l.handle, nil), b.subscribe(topic, l.handle, nil)
	l.await(t, n/4)
	require.NoError(t, c.Broker(0).Kill())
	require.NoError(t, c.Broker(0).Start())
	wg.Wait()
	l.await(t, n)
	first.end()
	second.end()
	got, again := l.count()
	t.Logf("%d messages, %d consumed again", got, again)
	require.Equal(t, n, got)
	a.close()
	b.close()
}

// In an ordered group the messages of a queue are consumed one after the other, in the
// order stored, also where handlers fail and members come and go.
func TestRealOrdered(t *testing.T) {
	onReal(t, func(t *testing.T, c *realbroker.Cluster) {
		const n, queues = 2000, 4
		group := "g-" + uuid.NewString()
		ordered := func(cfg *engine.Config) { cfg.Ordered = true }
		var peers [3]*peer
		for i := range peers {
			peers[i] = newRealPeer(t, c, group, ordered)
		}
		topic := engine.Topic{Name: freshTopic(t, peers[0], c, queues)}
		var mu sync.Mutex
		next, failed, broken := make(map[int]int), make(map[int]bool), []string(nil)
		done := 0
		handle := func(msg *message.Message) {
			mu.Lock()
			i, _ := strconv.Atoi(msg.UUID)
			q := i % queues
			if want := next[q]*queues + q; i > want {
				broken = append(broken, strings.Join([]string{msg.UUID, strconv.Itoa(want)}, " before "))
			} else if i == want && (i%7 != 0 || failed[i]) {
				next[q]++
				done++
			}
			nack := i%7 == 0 && !failed[i]
			failed[i] = true
			mu.Unlock()
			if nack {
				msg.Nack()
			} else {
				msg.Ack()
			}
		}
		await := func(n int) {
			t.Helper()
			require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return done >= n }, patience, 10*time.Millisecond)
		}
		quick := func(cfg *delivery.Config) { cfg.Redelivery.MinPause = time.Millisecond }
		var wg sync.WaitGroup
		wg.Go(func() { publishAll(t, c, topic.Name, queues, n) })
		first := peers[0].subscribe(topic, handle, quick)
		await(n / 10)
		second := peers[1].subscribe(topic, handle, quick)
		await(2 * n / 10)
		third := peers[2].subscribe(topic, handle, quick)
		await(4 * n / 10)
		first.end()
		await(6 * n / 10)
		third.end()
		wg.Wait()
		await(n)
		second.end()
		require.Empty(t, broken)
		requireCommitted(t, peers[0], topic.Name, n)
		for _, p := range peers {
			p.close()
		}
	})
}

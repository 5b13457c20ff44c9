package subscriber_test

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// faultMessages is how many messages each group accounts for.
func faultMessages() int {
	if realbroker.Full() {
		return 100_000
	}
	return 5_000
}

// faultPatience is how long a group may take for all of its messages.
const faultPatience = 10 * time.Minute

// faultGroup is a group that consumes a topic of its own, while the topic is published to
// and somebody has trouble.
type faultGroup struct {
	t      *testing.T
	name   string
	w      *world
	suite  suite
	lease  time.Duration // 0 with Pull
	ledger *ledger
	topic  string
	group  string
	all    int
	pub    *publisher.Publisher
	// cluster is how members reach the brokers.
	cluster rocketmq.Cluster
	// gate, if there is one, holds up handlers until it is closed.
	gate chan struct{}
	// slow is how long the handlers of a few messages take, 0 for as long as others.
	slow time.Duration

	// inFlight is the members' MaxInFlight, 0 for the default.
	inFlight int
	// leave has members in other processes leave, if there are some.
	leave func() error

	// caught is how many messages a member had that was killed.
	caught int

	begun      int // messages that were begun to be published
	publishing sync.WaitGroup
	published  chan struct{} // closed when what was begun last is published
	members    []*faultMember
}

// faultMember is one that consumes in this process.
type faultMember struct {
	sub       *subscriber.Subscriber
	consuming sync.WaitGroup
}

const faultQueues, faultPublishers = 4, 4

// newFaultGroup returns a group of no members, whose topic exists.
func newFaultGroup(t *testing.T, w *world, s suite, name string) *faultGroup {
	g := &faultGroup{
		t: t, w: w, name: name, suite: s, lease: faultLease, all: faultMessages(),
		topic: unique("fault"), group: unique("group"), cluster: w.cluster,
	}
	if s.engine != subscriber.POP {
		g.lease = 0
	}
	g.ledger = newLedger(g.lease)
	g.pub = w.publisher(t, func(cfg *publisher.Config) {
		cfg.SendTimeout, cfg.AttemptTimeout = faultPatience, 0 // the ledger knows what may be stored twice
		cfg.CreateTopics = topics.Config{Enabled: true, Queues: faultQueues}
		cfg.OnResult = func(r publisher.Result) {
			if r.Err != nil {
				return
			}
			twice := false
			for _, a := range r.Failed {
				twice = twice || a.Outcome != publisher.NotSent
			}
			g.ledger.stored(r.UUID, twice)
		}
		if s.ordered {
			cfg.OrderingKey = func(_ string, m *message.Message) (string, error) { return m.Metadata.Get("key"), nil }
		}
	})
	patiently(t, func() error { return g.pub.CreateTopic(t.Context(), g.topic) })
	return g
}

// work is how long a message's handler takes.
func (g *faultGroup) work(m *message.Message) time.Duration {
	if g.gate != nil {
		<-g.gate
	}
	switch {
	case g.slow > 0 && m.Metadata.Get("slow") != "":
		return g.slow
	default:
		return someWork(m)
	}
}

// someWork is a millisecond, or a fifth of a second, so that some messages are with their
// handlers at any time.
func someWork(m *message.Message) time.Duration {
	if m.Metadata.Get("work") != "" {
		return 200 * time.Millisecond
	}
	return time.Millisecond
}

// join has a member consume in this process.
func (g *faultGroup) join(name string) *faultMember {
	g.t.Helper()
	sub, err := subscriber.New(subscriber.Config{
		Cluster: g.cluster, Group: g.group, Engine: g.suite.engine, Ordered: g.suite.ordered, Lease: g.lease,
		MaxInFlight: subscriber.InFlight{Messages: g.inFlight},
	}, faultLogger(g.t))
	require.NoError(g.t, err)
	g.t.Cleanup(func() { _ = sub.Close() })
	messages := subscribe(g.t, sub, g.topic)
	m := &faultMember{sub: sub}
	m.consuming.Go(func() { consumeAs(name, messages, g.work, g.ledger.note) })
	g.members = append(g.members, m)
	return m
}

// faultLogger shows the log of members where it is asked for.
func faultLogger(t *testing.T) watermill.LoggerAdapter {
	if os.Getenv("FAULT_LOG") == "" {
		return watermill.NopLogger{}
	}
	return watermill.NewStdLogger(false, false).With(watermill.LogFields{"test": t.Name()})
}

// joinChild has a member consume in another process.
func (g *faultGroup) joinChild(name string) *child {
	g.t.Helper()
	return startChild(g.t, childConfig{
		Name: name, Topic: g.topic, Group: g.group, NameServers: g.w.cluster.NameServers,
		Engine: g.suite.engine, Ordered: g.suite.ordered, Lease: g.lease,
	}, g.ledger.note)
}

// publish begins to publish a part of the messages, after those before. The last part has
// what is left.
func (g *faultGroup) publish(parts int) {
	from, to := g.begun, min(g.all, g.begun+g.all/parts)
	if g.all-to < parts {
		to = g.all
	}
	g.begun = to
	before, published := g.published, make(chan struct{})
	g.published = published
	var publishers sync.WaitGroup
	defer func() {
		g.publishing.Go(func() {
			publishers.Wait()
			close(published)
		})
	}()
	const keys, batch = 32, 25
	for p := range faultPublishers {
		publishers.Go(func() {
			if before != nil {
				<-before
			}
			var list []*message.Message
			for i := from; i < to; i++ {
				if i%keys%faultPublishers != p {
					continue
				}
				key := fmt.Sprint("key-", i%keys)
				m := message.NewMessage(watermill.NewUUID(), []byte(fmt.Sprint(i)))
				m.Metadata.Set("key", key)
				if i%100 == 99 {
					m.Metadata.Set("work", "long")
				}
				if i%1250 == 99 {
					m.Metadata.Set("slow", "yes")
				}
				g.ledger.expect(m.UUID, key, i/keys)
				list = append(list, m)
				if len(list) == batch || i+keys >= to {
					if err := g.pub.Publish(g.topic, list...); err != nil {
						g.t.Errorf("publish: %v", err)
						return
					}
					list = nil
				}
			}
			if err := g.pub.Publish(g.topic, list...); err != nil {
				g.t.Errorf("publish: %v", err)
			}
		})
	}
}

// await waits until so many messages are acked.
func (g *faultGroup) await(n int) {
	g.t.Helper()
	require.Eventually(g.t, func() bool { return g.ledger.acked() >= n || g.t.Failed() }, faultPatience, 10*time.Millisecond)
	if g.t.Failed() {
		g.t.FailNow()
	}
}

// finish waits for all messages, and for those that come again without a reason, and
// gives the verdict.
func (g *faultGroup) finish(t *testing.T, p *pace) {
	t.Helper()
	g.publishing.Wait()
	all := func() bool { return g.ledger.acked() >= g.all || t.Failed() }
	require.Eventually(t, all, faultPatience, 10*time.Millisecond, "%v", lazily(func() string { return fmt.Sprint(g.ledger.verdict()) }))
	// What a broker takes for not acked comes back within the lease, and some seconds.
	if again := time.Until(g.ledger.lastAck().Add(g.lease + 5*time.Second)); g.lease > 0 && again > 0 {
		pass(again)
	}
	if g.leave != nil {
		require.NoError(t, g.leave())
	}
	for _, m := range g.members {
		// nothingLeft knows better than one that had no answer in time.
		if err := m.sub.Close(); err != nil && !isUnconfirmed(err) {
			require.NoError(t, err)
		}
		m.consuming.Wait()
	}
	g.nothingLeft(t)
	g.ledger.slack = 2 * p.late()
	g.ledger.check(t, g.all, g.suite.ordered)
}

// isUnconfirmed reports whether a Subscriber has not heard in time that brokers know all.
func isUnconfirmed(err error) bool {
	var unconfirmed *subscriber.CloseError
	return errors.As(err, &unconfirmed)
}

// nothingLeft makes sure that brokers know the group to be at the end.
func (g *faultGroup) nothingLeft(t *testing.T) {
	t.Helper()
	sub, err := subscriber.New(subscriber.Config{Cluster: g.w.cluster, Group: g.group, Engine: g.suite.engine, Ordered: g.suite.ordered}, nil)
	require.NoError(t, err)
	defer sub.Close()
	require.Eventually(t, func() bool {
		lag, err := sub.Lag(t.Context(), g.topic)
		return err == nil && lag.Err() == nil && lag.Messages() == 0
	}, patience, 100*time.Millisecond, "%v", lazily(func() string {
		lag, err := sub.Lag(t.Context(), g.topic)
		return fmt.Sprint(lag, err)
	}))
}

// lazily is a text that is made when it is printed.
type lazily func() string

func (f lazily) String() string { return f() }

package pull

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// keeper is a handler that keeps messages until the test answers them.
type keeper struct {
	mu   sync.Mutex
	kept []*message.Message
}

func (k *keeper) handle(msg *message.Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, msg)
}

func (k *keeper) all() []*message.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.kept)
}

// A message whose queue goes to another member is that member's, whatever becomes of it
// here: an ack that comes late is not committed.
func TestALateAckIsNotCommitted(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		fill(t, c, a.client, "m", queues)
		var mine, theirs keeper
		first := a.subscribe(engine.Topic{Name: topic}, mine.handle, nil)
		time.Sleep(time.Second)
		require.Len(t, mine.all(), queues)
		second := b.subscribe(engine.Topic{Name: topic}, theirs.handle, nil)
		time.Sleep(3 * time.Second)
		require.Len(t, theirs.all(), 2, "those of its queues come again")
		for _, m := range mine.all() {
			stays := slices.Contains([]string{"m0", "m1"}, m.UUID)
			if a.engine.id > b.engine.id {
				stays = !stays
			}
			if !stays {
				require.ErrorIs(t, context.Cause(delivered(m)), delivery.ErrQueueLost)
			} else {
				require.NoError(t, m.Context().Err())
			}
			m.Ack()
		}
		time.Sleep(10 * time.Second)
		var sum int64
		for _, offset := range offsets(c, group) {
			sum += max(offset, 0)
		}
		require.EqualValues(t, 2, sum, "those that it still has")
		for _, m := range theirs.all() {
			m.Ack()
		}
		first.end()
		second.end()
		require.Equal(t, []int64{1, 1, 1, 1}, offsets(c, group))
		a.close()
		b.close()
	})
}

// delivered is a context of package context with the message's cause.
func delivered(m *message.Message) context.Context {
	ctx, cancel := context.WithCancel(m.Context())
	cancel()
	return ctx
}

// Members that cannot be had change nothing.
func TestQueuesAreKeptWithoutMembers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		works := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeConsumerList {
				return embedded.Answer(headers.SystemBusy, "no")
			}
			return embedded.Fault{}
		})
		time.Sleep(time.Minute)
		require.Len(t, s.fetcher.Queues(), queues)
		want := fill(t, c, p.client, "m", 8)
		synctest.Wait()
		require.ElementsMatch(t, want, s.received())
		works()
		s.end()
		p.close()
	})
}

// Several subscriptions of one member divide its queues.
func TestSubscriptionsToOneTopicDivideTheQueues(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		first := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		second := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.Len(t, first.fetcher.Queues(), 2)
		require.Len(t, second.fetcher.Queues(), 2)
		_, err := p.engine.Subscribe(t.Context(), engine.Topic{Name: topic, Filter: engine.Filter{Expression: "paid"}}, delivery.New(outputConfig()))
		require.ErrorContains(t, err, "already")
		want := fill(t, c, p.client, "m", 8)
		synctest.Wait()
		require.Len(t, first.received(), 4)
		require.ElementsMatch(t, want, append(first.received(), second.received()...))
		first.end()
		time.Sleep(time.Second)
		require.Len(t, second.fetcher.Queues(), 4)
		second.end()
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		p.close()
	})
}

// Without a group each subscription has all messages, and brokers are told nothing.
func TestBroadcast(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			switch r.Code {
			case headers.CodeUpdateConsumerOffset, headers.CodeQueryConsumerOffset, headers.CodeConsumerList, headers.CodeConsumerSendBack:
				t.Errorf("%s", r.Code)
			case headers.CodeMaxOffset:
				return embedded.Delay(100 * time.Millisecond) // where the second one begins
			}
			return embedded.Fault{}
		})
		p := newPeer(t, c.Config(), "", nil)
		old := fill(t, c, p.client, "a", 8)
		first := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		var nacked sync.Map
		second := p.subscribe(engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}, func(m *message.Message) {
			if _, again := nacked.LoadOrStore(m.UUID, true); !again {
				m.Nack()
				return
			}
			m.Ack()
		}, func(cfg *delivery.Config) { cfg.Redelivery.MaxLocalPause = 0 })
		recent := fill(t, c, p.client, "b", 8)
		time.Sleep(10 * time.Second)
		require.ElementsMatch(t, append(old, recent...), first.received())
		require.ElementsMatch(t, append(recent, recent...), second.received())
		require.Len(t, second.fetcher.Queues(), queues)
		first.end()
		second.end()
		p.close()
	})
}

// A message that nobody answers stops its queue after a while, and nothing behind it is
// committed.
func TestAStuckMessageStopsItsQueue(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		publish(t, p.client, c.Broker(0).Addr(), topic, 0, names("m", 3*maxSpan)...)
		var stuck keeper
		s := p.subscribe(engine.Topic{Name: topic}, func(m *message.Message) {
			if m.UUID == "m10" {
				stuck.handle(m)
				return
			}
			m.Ack()
		}, nil)
		time.Sleep(time.Minute)
		require.GreaterOrEqual(t, len(s.received()), maxSpan)
		require.LessOrEqual(t, len(s.received()), maxSpan+10+delivery.Batch)
		require.EqualValues(t, 10, offsets(c, group)[0])
		require.True(t, p.logged("A message is not answered and holds up its queue"))
		stuck.all()[0].Ack()
		time.Sleep(10 * time.Second)
		require.Len(t, s.received(), 3*maxSpan)
		s.end()
		require.EqualValues(t, 3*maxSpan, offsets(c, group)[0])
		p.close()
	})
}

// logged reports whether an error was logged that begins so.
func (p *peer) logged(begin string) bool {
	synctest.Wait() // nobody logs while the lines are read
	return slices.ContainsFunc(p.log.Captured()[watermill.ErrorLogLevel], func(m watermill.CapturedMessage) bool {
		return strings.HasPrefix(m.Msg, begin)
	})
}

// Pulls that wait take no room from queues that have messages, and no message is taken
// beyond the bound.
func TestRoom(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("wide", 40))
		p := newPeer(t, c.Config(), group, nil)
		var kept keeper
		s := p.subscribe(engine.Topic{Name: "wide"}, kept.handle, func(cfg *delivery.Config) { cfg.Messages = 8 })
		time.Sleep(time.Second)
		var want []string
		for i := range 40 {
			publish(t, p.client, c.Broker(0).Addr(), "wide", i, strconv.Itoa(i))
			want = append(want, strconv.Itoa(i))
		}
		time.Sleep(10 * time.Second)
		require.Len(t, kept.all(), 8)
		messages, _ := s.output.Budget().Taken()
		require.Equal(t, 8, messages)
		for answered := 0; answered < 40; {
			for _, m := range kept.all()[answered:] {
				m.Ack()
				answered++
			}
			time.Sleep(time.Second)
		}
		require.ElementsMatch(t, want, s.received())
		s.end()
		p.close()
	})
}

// Ordered, a queue's messages are handed out one at a time, and never by two members. A
// member that cannot renew its locks hands out nothing.
func TestOrdered(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		ordered := func(cfg *engine.Config) { cfg.Ordered = true }
		a, b := newPeer(t, c.Config(), group, ordered), newPeer(t, c.Config(), group, ordered)
		fill(t, c, a.client, "m", 2*queues)
		var mine, theirs keeper
		first := a.subscribe(engine.Topic{Name: topic}, mine.handle, nil)
		time.Sleep(time.Second)
		require.Equal(t, []string{"m0", "m1", "m2", "m3"}, sorted(first.received()))
		second := b.subscribe(engine.Topic{Name: topic}, theirs.handle, nil)
		time.Sleep(time.Minute)
		require.Empty(t, second.received(), "the other one has a message of each queue in hand, and the locks")
		for _, m := range mine.all() {
			m.Ack()
		}
		time.Sleep(3 * time.Second)
		require.Len(t, second.received(), 2)
		require.Len(t, first.received(), 6)
		require.ElementsMatch(t, []string{"m4", "m5", "m6", "m7"}, append(second.received(), first.received()[4:]...))

		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeLockQueues {
				return embedded.Answer(headers.SystemBusy, "no")
			}
			return embedded.Fault{}
		})
		time.Sleep(lockLife + 2*maxLockPause)
		for _, m := range append(mine.all()[4:], theirs.all()...) {
			m.Ack()
		}
		fill(t, c, a.client, "n", queues)
		time.Sleep(10 * time.Second)
		require.Len(t, first.received(), 6)
		require.Len(t, second.received(), 2)
		first.end()
		second.end()
		a.close()
		b.close()
	})
}

// A member that dies leaves its queues to others.
func TestAMemberDies(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		first := a.subscribe(engine.Topic{Name: topic}, ack, nil)
		second := b.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		fill(t, c, b.client, "m", 8)
		synctest.Wait()
		require.Len(t, second.received(), 4)
		a.kill()
		time.Sleep(2 * time.Second)
		require.Len(t, second.fetcher.Queues(), queues)
		require.Len(t, second.received(), 8, "nothing of the dead one was committed")
		second.end()
		b.close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		first.output.Stop()
		first.fetcher.Stop(ctx)
		first.output.Drain(ctx)
		err := first.fetcher.Close(ctx)
		var broker *BrokerError
		require.ErrorAs(t, err, &broker)
		require.Equal(t, "broker-a", broker.Broker)
		<-first.done
		_ = a.engine.Close(ctx)
		a.member.Leave()
	})
}

// Brokers that were away go on where they were.
func TestABrokerRestarts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		want := fill(t, c, p.client, "a", 8)
		synctest.Wait()
		c.Broker(0).Kill()
		time.Sleep(time.Minute)
		require.NoError(t, c.Broker(0).Start())
		time.Sleep(10 * time.Second)
		want = append(want, fill(t, c, p.client, "b", 8)...)
		synctest.Wait()
		require.ElementsMatch(t, want, s.received())
		require.Len(t, s.fetcher.Queues(), queues)
		s.end()
		require.Equal(t, []int64{4, 4, 4, 4}, offsets(c, group))
		p.close()
	})
}

// A member that comes back to a broker before others leaves them their queues.
func TestMembersComeBackToABroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var changes sync.Map
		watch := func(cfg *engine.Config) {
			cfg.Observer = observer{rebalanced: func(name string, after []routing.MessageQueue) {
				if name == topic {
					changes.Store(time.Now(), len(after))
				}
			}}
		}
		a, b := newPeer(t, c.Config(), group, watch), newPeer(t, c.Config(), group, watch)
		first, second := a.subscribe(engine.Topic{Name: topic}, ack, nil), b.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Minute)
		changes.Clear()
		c.Broker(0).Kill()
		time.Sleep(10 * time.Second)
		late := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeHeartbeat && strings.Contains(string(r.Command.Body), b.engine.id) {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		require.NoError(t, c.Broker(0).Start())
		time.Sleep(3 * time.Second)
		late()
		time.Sleep(time.Minute)
		require.Len(t, first.fetcher.Queues(), 2)
		require.Len(t, second.fetcher.Queues(), 2)
		changes.Range(func(at, queues any) bool {
			t.Errorf("%v queues at %v", queues, at)
			return true
		})
		first.end()
		second.end()
		a.close()
		b.close()
	})
}

// Members that subscribe to different topics are told what that means.
func TestMembersWithOtherTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("returns", 2))
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		first := a.subscribe(engine.Topic{Name: topic}, ack, nil)
		second := b.subscribe(engine.Topic{Name: "returns"}, ack, nil)
		time.Sleep(2 * time.Minute)
		const line = "Members of the consumer group do not fit together"
		require.True(t, a.logged(line) || b.logged(line))
		first.end()
		second.end()
		a.close()
		b.close()
	})
}

// The same tags may be written in another way.
func TestConflicts(t *testing.T) {
	tags := func(expression string) headers.SubscriptionData {
		s, err := headers.NewSubscription(topic, expression, 1)
		require.NoError(t, err)
		return s
	}
	e := &Engine{group: group, id: "me", fetchers: []*Fetcher{{topic: engine.Topic{Name: topic}, filter: tags("paid || refunded")}}}
	found := headers.ConsumerConnectionData{
		Connections:   []headers.Connection{{ClientID: "me"}, {ClientID: "other"}},
		Subscriptions: map[string]headers.SubscriptionData{topic: {Expression: "refunded||paid", Tags: []string{"refunded", "paid"}}, e.retryTopic(): tags("*")},
		ConsumeType:   headers.ConsumePassively, MessageModel: headers.Clustering,
	}
	require.Empty(t, e.conflicts(&found))
	found.Subscriptions[topic] = tags("paid")
	require.Equal(t, []error{&SubscriptionConflictError{Group: group, Topic: topic, Own: "paid || refunded", Found: "paid"}}, e.conflicts(&found))
	delete(found.Subscriptions, topic)
	found.Subscriptions["returns"] = tags("*")
	require.ElementsMatch(t, []error{
		&SubscriptionConflictError{Group: group, Topic: topic, Own: "paid || refunded"},
		&SubscriptionConflictError{Group: group, Topic: "returns", Found: "*"},
	}, e.conflicts(&found))
	found.Subscriptions = map[string]headers.SubscriptionData{topic: tags("paid || refunded")}
	found.ConsumeType = headers.ConsumePop
	require.Equal(t, []error{&GroupModeError{Group: group, Type: headers.ConsumePop, Model: headers.Clustering}}, e.conflicts(&found))
	found.Connections = found.Connections[:1]
	require.Empty(t, e.conflicts(&found), "nobody else is there")
}

// Ordered, what comes to a pull that has waited is taken as far as the share of the queue goes.
func TestAPullThatWaitedTakesItsShare(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.Ordered = true })
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		f := s.fetcher.(*Fetcher)
		r := newReader(p.engine, routing.MessageQueue{Topic: topic, BrokerName: c.Broker(0).Name(), QueueID: 3}, f, f.filter)
		l := &fetching{r: r, p: newProgress(r, 0, false), ahead: 2, reserved: make(map[*Fetcher]int)}
		var messages []*delivery.Message
		for offset := range int64(8) {
			m := new(delivery.Message)
			var err error
			m.Message, _, err = receive.ParseFrom(topic, storedIn(t, 3, offset))
			require.NoError(t, err)
			messages = append(messages, m)
		}
		require.EqualValues(t, 2, l.placeFor(f, messages))
		time.Sleep(time.Second)
		require.Len(t, s.received(), 2)
		s.end()
		p.close()
	})
}

package pull

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// stranger is a member of the group that is no peer of this package: it joins, and divides
// nothing.
func stranger(t *testing.T, c *embedded.Cluster) (leave func()) {
	t.Helper()
	client, err := rocketmq.Connect(c.Config(), nil)
	require.NoError(t, err)
	m := client.Session().NewMember(session.Role{})
	require.NoError(t, m.Join())
	all, err := headers.NewSubscription(topic, headers.ExpressionAll, 1)
	require.NoError(t, err)
	retries, err := headers.NewSubscription(headers.RetryTopicPrefix+group, headers.ExpressionAll, 1)
	require.NoError(t, err)
	require.NoError(t, m.SetConsumers([]headers.ConsumerData{{
		Group: group, ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering,
		ConsumeFromWhere: headers.ConsumeFromFirstOffset, Subscriptions: []headers.SubscriptionData{all, retries},
	}}))
	require.NoError(t, m.Beat(t.Context(), []string{c.Broker(0).Addr()}))
	return func() {
		m.Goodbye(time.Second)
		m.Leave()
		require.NoError(t, client.Close())
	}
}

// Other clients read a queue as soon as they know that it is theirs. So a member that hears
// of a change in its group has committed what it has acked, and let go of queues, before any
// time passes.
func TestQueuesAreLetGoOfAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.CommitInterval = time.Hour })
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Minute)
		fill(t, c, p.client, "m", 8)
		synctest.Wait()
		require.Len(t, s.received(), 8)
		require.Equal(t, []int64{-1, -1, -1, -1}, offsets(c, group))
		joined := time.Now()
		leave := stranger(t, c)
		synctest.Wait()
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		require.Len(t, s.fetcher.Queues(), queues/2)
		require.Zero(t, time.Since(joined))
		leave()
		s.end()
		p.close()
	})
}

// What a member has acked is committed at once when the group changes, also if it cannot
// find out how.
func TestChangesOfTheGroupHaveOffsetsCommitted(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.CommitInterval = time.Hour })
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Minute)
		fill(t, c, p.client, "m", 8)
		synctest.Wait()
		works := c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeConsumerList {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		leave := stranger(t, c)
		synctest.Wait()
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		works()
		leave()
		s.end()
		p.close()
	})
}

// A queue that another member has had is not read before that one has had the time to
// commit: half a second, or more than one for Java's client, which may hear of changes a
// second late, and for one that is not known.
func TestHandoverPause(t *testing.T) {
	for language, want := range map[string]time.Duration{
		headers.LanguageGo.String(): handoverPause, headers.LanguageJava.String(): handoverPauseJava, "": handoverPauseJava,
	} {
		t.Run("language "+language, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				leave := stranger(t, c)
				var p *peer
				c.Intercept(func(r embedded.Request) embedded.Fault {
					if r.Code != headers.CodeConsumerConnection {
						return embedded.Fault{}
					}
					if language == "" {
						return embedded.Answer(headers.NoPermission, "no")
					}
					return answerLanguage(t, p, r, language)
				})
				p = newPeer(t, c.Config(), group, nil)
				fill(t, c, p.client, "m", 4)
				joined := time.Now()
				read := make(chan time.Duration, 4)
				s := p.subscribe(engine.Topic{Name: topic}, func(m *message.Message) {
					read <- time.Since(joined)
					m.Ack()
				}, nil)
				require.Equal(t, want, <-read)
				require.Equal(t, want, <-read)
				s.end()
				leave()
				p.close()
			})
		})
	}
}

// answerLanguage says of all members but the peer that they are of a language.
func answerLanguage(t *testing.T, p *peer, r embedded.Request, language string) embedded.Fault {
	ids := []string{p.engine.id, "stranger"}
	p.engine.mu.Lock()
	for _, id := range p.engine.known[topic] {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	p.engine.mu.Unlock()
	var data headers.ConsumerConnectionData
	for _, id := range ids {
		data.Connections = append(data.Connections, headers.Connection{ClientID: id, Language: language})
	}
	data.ConsumeType, data.MessageModel = headers.ConsumePassively, headers.Clustering
	body, err := data.Encode()
	require.NoError(t, err)
	raw, err := headers.AppendResponse(nil, headers.JSON, r.Command.Opaque, headers.Success, "", nil, body)
	require.NoError(t, err)
	return embedded.AnswerBytes(raw)
}

// What was acked before a lock was lost is committed then, for the next owner of the queue to
// begin behind it.
func TestALockThatIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.Ordered, cfg.CommitInterval = true, time.Hour })
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeLockQueues {
				return embedded.Answer(headers.SystemBusy, "no")
			}
			return embedded.Fault{}
		})
		fill(t, c, p.client, "m", 2*queues)
		time.Sleep(time.Second)
		require.Equal(t, []int64{-1, -1, -1, -1}, offsets(c, group), "it is not time yet")
		time.Sleep(2 * time.Minute)
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		s.end()
		p.close()
	})
}

// What was acked before the lock of a queue was lost does not come again when the lock is
// back, also if the broker could not be told of it.
func TestALockThatComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.Ordered = true })
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		works := c.Intercept(func(r embedded.Request) embedded.Fault {
			switch r.Code {
			case headers.CodeLockQueues:
				return embedded.Answer(headers.SystemBusy, "no")
			case headers.CodeUpdateConsumerOffset:
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		want := fill(t, c, p.client, "m", 2*queues)
		time.Sleep(2 * time.Minute) // the locks are lost, and the broker has forgotten them
		require.ElementsMatch(t, want, s.received())
		require.Equal(t, []int64{-1, -1, -1, -1}, offsets(c, group))
		works()
		time.Sleep(10 * time.Second)
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		want = append(want, fill(t, c, p.client, "n", queues)...)
		time.Sleep(10 * time.Second)
		require.ElementsMatch(t, want, s.received())
		s.end()
		p.close()
	})
}

// A subscription that ends while another one begins, which takes long, gives up its queues,
// and has brokers told later.
func TestASubscriptionEndsWhileAnotherBegins(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		a, b := newPeer(t, c.Config(), group, nil), newPeer(t, c.Config(), group, nil)
		fill(t, c, a.client, "m", 8)
		first := a.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		a.engine.joining <- struct{}{} // as a Subscribe does
		first.ends = time.Second
		first.end()
		require.Empty(t, first.fetcher.Queues())
		require.Equal(t, []int64{2, 2, 2, 2}, offsets(c, group))
		<-a.engine.joining
		time.Sleep(time.Second)
		groups := c.Broker(0).Groups()
		require.False(t, slices.ContainsFunc(groups, func(g embedded.GroupState) bool { return g.Name == group && len(g.Members) > 0 }), "it has left: %v", groups)
		second := b.subscribe(engine.Topic{Name: topic}, ack, nil)
		time.Sleep(time.Second)
		require.Len(t, second.fetcher.Queues(), queues)
		second.end()
		a.close()
		b.close()
	})
}

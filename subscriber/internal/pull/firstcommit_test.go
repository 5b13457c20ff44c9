package pull

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// commitTimes notes when commits in the topic reach a broker, each of whose answers takes a
// second.
func commitTimes(c *embedded.Cluster) (times func() []time.Duration) {
	var mu sync.Mutex
	var list []time.Duration
	begin := time.Now()
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Code != headers.CodeUpdateConsumerOffset || r.Command.Fields.String("topic") != topic {
			return embedded.Fault{} // that of retries is another table
		}
		mu.Lock()
		defer mu.Unlock()
		list = append(list, time.Since(begin).Round(time.Second))
		return embedded.DelayAnswer(time.Second)
	})
	return func() []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

// A broker that gets two first offsets of a group at once forgets one of them.
func TestFirstOffsetsAreCommittedOneAfterTheOther(t *testing.T) {
	latest := engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}
	second := func(n ...time.Duration) []time.Duration {
		for i := range n {
			n[i] *= time.Second
		}
		return n
	}
	t.Run("where a group begins", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := newPeer(t, c.Config(), group, nil)
			times := commitTimes(c)
			require.NoError(t, p.engine.Initialize(t.Context(), latest))
			require.Equal(t, second(0, 1, 1, 1), times())
			p.close()
		})
	})
	t.Run("at the end", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := newPeer(t, c.Config(), group, nil)
			s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
			fill(t, c, p.client, "a", queues)
			synctest.Wait()
			times := commitTimes(c)
			s.end()
			require.Equal(t, second(0, 1, 1, 1), times())
			p.close()
		})
	})
	t.Run("one that fails is none", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := newPeer(t, c.Config(), group, nil)
			remove := c.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Code == headers.CodeUpdateConsumerOffset {
					return embedded.Answer(headers.SystemError, "")
				}
				return embedded.Fault{}
			})
			require.Error(t, p.engine.Initialize(t.Context(), latest))
			remove()
			times := commitTimes(c)
			require.NoError(t, p.engine.Initialize(t.Context(), latest))
			require.Equal(t, second(0, 1, 1, 1), times())
			p.close()
		})
	})
	t.Run("a broker that was away may have none", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.CommitInterval = time.Hour })
			s := p.subscribe(latest, ack, nil)
			time.Sleep(time.Second)
			c.Broker(0).Kill()
			time.Sleep(time.Minute)
			require.NoError(t, c.Broker(0).Start())
			time.Sleep(time.Minute)
			fill(t, c, p.client, "a", queues)
			synctest.Wait()
			times := commitTimes(c)
			s.end()
			require.Equal(t, second(0, 1, 1, 1), times())
			p.close()
		})
	})
}

// Real brokers have all offsets that they have confirmed.
func TestRealFirstOffsets(t *testing.T) {
	onReal(t, func(t *testing.T, c *realbroker.Cluster) {
		const groups, queues = 500, 16 // one in some hundred groups loses an offset if first commits come together
		setup := newRealPeer(t, c, "", nil)
		name := freshTopic(t, setup, c, queues)
		publishAll(t, c, name, queues, queues)
		require.Eventually(t, func() bool { // a broker shows a message some milliseconds after it has answered
			for q := range queues {
				end, err := setup.engine.endOf(t.Context(), routing.MessageQueue{Topic: name, BrokerName: c.Broker(0).Name, QueueID: int32(q)})
				if err != nil || end != 1 {
					return false
				}
			}
			return true
		}, patience, 10*time.Millisecond)
		for range groups {
			p := newRealPeer(t, c, "g-"+uuid.NewString(), nil)
			patiently(t, func() error { // queues that have an offset keep it
				return p.engine.Initialize(t.Context(), engine.Topic{Name: name, From: engine.From{Position: engine.Latest}})
			})
			requireCommitted(t, p, name, queues)
			p.close()
		}
		setup.close()
	})
}

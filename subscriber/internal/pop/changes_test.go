package pop_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Messages of a topic that was deleted do not keep leases of other topics from being renewed.
func TestDeletedTopicHoldsUpNoRenewals(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		const name = "deleted"
		require.NoError(t, w.embedded.CreateTopic(name, 1))
		deleted := &world{t: w.t, cluster: w.cluster, topic: name}
		w.publish("stays")
		deleted.publish(numbered("m", 16)...)
		m := w.member(nil)
		other := m.subscribe(nil, engine.Topic{})
		stays := other.next()
		time.Sleep(10 * time.Second) // the others' leases end later
		one := m.subscribe(func(cfg *delivery.Config) {
			brokerNacks(cfg)
			cfg.Redelivery.MinPause, cfg.Redelivery.MaxPause = time.Minute, time.Minute
		}, engine.Topic{Name: name})
		for _, msg := range one.nextAll(16) {
			w.embedded.Broker(0).DeleteTopic(name)
			msg.Nack()
		}
		time.Sleep(3 * time.Minute)
		require.NoError(w.t, stays.Context().Err())
		stays.Ack()
		require.NoError(w.t, other.end(time.Second))
		require.NoError(w.t, one.end(time.Second))
		m.close()
		w.nothingLeft(3 * time.Minute)
	})
}

// A subscription that does not wait for its handlers any more does not wait for its renewals
// either while all that the broker is asked at once is those of another.
func TestHastenWhileOthersRenew(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		const name = "others"
		require.NoError(t, w.embedded.CreateTopic(name, 1))
		others := &world{t: w.t, cluster: w.cluster, topic: name}
		w.publish("a")
		others.publish(numbered("m", 16)...)
		m := w.member(nil)
		other := m.subscribe(nil, engine.Topic{Name: name})
		other.nextAll(16)
		time.Sleep(10 * time.Second) // the other's renewals come first
		s := m.subscribe(nil, engine.Topic{})
		s.next()
		time.Sleep(15 * time.Second)
		w.embedded.Broker(0).Kill()
		time.Sleep(22 * time.Second) // all leases are to be renewed

		begin := time.Now()
		s.output.Stop()
		s.Stop(w.t.Context())
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		defer context.AfterFunc(ctx, s.Hasten)()
		s.output.Drain(ctx)
		require.Less(w.t, time.Since(begin), 2*time.Second)
		require.NoError(w.t, w.embedded.Broker(0).Start())
		_, _ = s.end(0), other.end(0) // what they give back may be too late
		m.close()
	})
}

// A handler is told when its lease is over, though the renewal is still tried then.
func TestLeaseEndsWhileItIsRenewed(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a")
		r := w.requests()
		r.all(headers.CodeChangeInvisibleTime, embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]"))
		m := w.member(func(cfg *engine.Config) { cfg.Lease = 20 * time.Second })
		s := m.subscribe(nil, engine.Topic{})
		msg := s.next()
		begin := time.Now()
		<-msg.Context().Done()
		require.ErrorIs(w.t, context.Cause(msg.Context()), delivery.ErrLeaseLost)
		require.InDelta(w.t, 20*time.Second, time.Since(begin), float64(time.Second/10))
		r.all(headers.CodeChangeInvisibleTime, embedded.Fault{})
		msg.Nack()
		require.Equal(w.t, []string{"a"}, s.take(1))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	})
}

// In a namespace a connection that has not told the broker's version asks for it first. If that
// fails nothing else was asked, and leases are renewed and messages given back all the same.
func TestVersionIsNotTold(t *testing.T) {
	inBubble(t, 1, func(w *world) {
		w.publish("a", "b")
		w.cluster.NamespaceV2 = "tenant"
		r := w.requests()
		m := w.member(func(cfg *engine.Config) { cfg.RequestTimeout = 2 * time.Second })
		s := m.subscribe(func(cfg *delivery.Config) {
			brokerNacks(cfg)
			cfg.Redelivery.MinPause, cfg.Redelivery.MaxPause = 10*time.Second, 10*time.Second
		}, engine.Topic{})
		a, b := s.next(), s.next()
		time.Sleep(29 * time.Second)
		r.all(headers.CodeHeartbeat, embedded.DelayAnswer(time.Hour))
		w.embedded.Broker(0).DropConnections()
		time.AfterFunc(12*time.Second, func() { r.all(headers.CodeHeartbeat, embedded.Fault{}) })
		b.Nack()
		begin := time.Now()
		again := s.next()
		require.Equal(w.t, b.UUID, again.UUID)
		require.Less(w.t, time.Since(begin), 29*time.Second, "when its pause is over, and not its lease")
		again.Ack()
		time.Sleep(time.Minute)
		require.NoError(w.t, a.Context().Err())
		a.Ack()
		require.NoError(w.t, s.end(time.Second))
		m.close()
		w.nothingLeft(2 * time.Minute)
	})
}

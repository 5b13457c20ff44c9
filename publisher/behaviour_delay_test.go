package publisher_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/components/requeuer"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// inDelayWorlds runs a test on brokers with timers and on brokers that know
// delay levels only, and says which. The embedded ones are in a bubble, so that
// waiting takes no time.
func inDelayWorlds(t *testing.T, test func(t *testing.T, w *world, timers bool)) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version5_0_0, headers.Version4_9_7} {
		t.Run("embedded "+strconv.Itoa(int(version)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				// Not at the beginning of a second, as it happens in real life.
				time.Sleep(637 * time.Millisecond)
				test(t, embeddedWorld(t, embedded.InMemory(), embedded.WithVersion(version)), version >= headers.Version5_0_0)
			})
		})
	}
	for _, version := range []string{"5.5.0", "5.1.4", "4.9.7"} {
		t.Run("real "+version, func(t *testing.T) {
			realbroker.RequireVersion(t, version)
			test(t, realWorld(t, sharedCluster(t, version)), version != "4.9.7")
		})
	}
}

// readDelayed returns the n messages of a topic when they have arrived.
func (w *world) readDelayed(t testing.TB, topic string, n int) []stored {
	t.Helper()
	if w.embedded != nil {
		_, err := w.embedded.AwaitMessages(t.Context(), topic, n)
		require.NoError(t, err)
	}
	return w.read(t, topic, n) // the witness of a real cluster waits
}

// warm publishes a first message, so that looking for routes and brokers takes no
// part of a short delay.
func warm(t testing.TB, p *publisher.Publisher, topic string) {
	t.Helper()
	require.NoError(t, p.Publish(topic, newMessage("first")))
}

// inTime runs a test whose shortest delay is unit, a delay level. It runs it with longer ones
// while the test reports that a busy machine has published a message after its time.
func inTime(t *testing.T, test func(unit time.Duration) (late bool)) {
	t.Helper()
	for _, unit := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		if !test(unit) {
			return
		}
	}
	t.Fatal("a message did not wait, however long its delay")
}

// wasLate reports whether a message came to its broker when its time was over.
func wasLate(s stored, until time.Time) bool {
	return s.Born >= until.UnixMilli() || s.Properties["REAL_TOPIC"] == ""
}

// requireDelayed requires that a message came to the topic not before its time,
// by way of a timer or a level, and with the metadata it was sent with.
func requireDelayed(t testing.TB, s stored, until time.Time, sent *message.Message, timers bool) {
	t.Helper()
	require.GreaterOrEqual(t, s.StoredAt, until.UnixMilli(), "early")
	require.Less(t, s.Born, until.UnixMilli(), "it had to wait")
	require.Equal(t, s.Topic, s.Properties["REAL_TOPIC"])
	if timers {
		out, err := strconv.ParseInt(s.Properties["TIMER_OUT_MS"], 10, 64)
		require.NoError(t, err)
		require.GreaterOrEqual(t, out, until.UnixMilli())
		require.NotContains(t, s.Properties, "DELAY")
	} else {
		require.NotEmpty(t, s.Properties["DELAY"])
		require.NotContains(t, s.Properties, "TIMER_DELIVER_MS")
	}
	requireSameMessage(t, sent, unmarshal(t, s))
}

// bodiesOf finds messages by their bodies.
func bodiesOf(all []stored) map[string]stored {
	found := make(map[string]stored)
	for _, s := range all {
		found[string(s.Body)] = s
	}
	return found
}

// All ways to delay a message that components/delay has.
func TestDelayComponent(t *testing.T) {
	inDelayWorlds(t, func(t *testing.T, w *world, timers bool) {
		inTime(t, func(unit time.Duration) bool { return delaysOfComponent(t, w, timers, unit) })
	})
}

// delaysOfComponent reports whether a message was late.
func delaysOfComponent(t *testing.T, w *world, timers bool, unit time.Duration) (late bool) {
	topic := newTopic(t, "delay")
	w.createTopic(t, topic, 1)
	results := newResults()
	p := publisherIn(t, w, func(c *publisher.Config) {
		c.OnResult = results.add
	})
	warm(t, p, topic)
	pub, err := delay.NewPublisher(p, delay.PublisherConfig{
		DefaultDelayGenerator: func(delay.DefaultDelayGeneratorParams) (delay.Delay, error) { return delay.For(unit), nil },
	})
	require.NoError(t, err)

	began := time.Now()
	soon := began.Add(unit * 13 / 10)
	byFor, byUntil, byContext, byDefault := newMessage("for"), newMessage("until"), newMessage("context"), newMessage("default")
	delay.Message(byFor, delay.For(unit))
	delay.Message(byUntil, delay.Until(soon))
	byContext.SetContext(delay.WithContext(t.Context(), delay.For(unit)))
	past := newMessage("past")
	delay.Message(past, delay.Until(began.Add(-time.Hour)))
	require.NoError(t, pub.Publish(topic, past, byUntil, byFor, byContext, byDefault))

	found := bodiesOf(w.readDelayed(t, topic, 6))
	for body, until := range map[string]time.Time{
		"for": began.Add(unit), "until": soon, "context": began.Add(unit), "default": began.Add(unit),
	} {
		if wasLate(found[body], until) {
			return true
		}
	}
	requireDelayed(t, found["for"], began.Add(unit), byFor, timers)
	requireDelayed(t, found["until"], soon, byUntil, timers)
	requireDelayed(t, found["context"], began.Add(unit), byContext, timers)
	requireDelayed(t, found["default"], began.Add(unit), byDefault, timers)
	require.EqualValues(t, 1, found["past"].QueueOffset, "it was not to wait")
	require.NotContains(t, found["past"].Properties, "REAL_TOPIC")
	requireSameMessage(t, past, unmarshal(t, found["past"]))
	for range 6 {
		require.Equal(t, topic, results.next(t).MessageQueue.Topic)
	}
	return false
}

// With RequireLevel a broker that has levels only gets delays that are
// levels, and a broker with timers any delay.
func TestDelayThatIsNoLevel(t *testing.T) {
	inDelayWorlds(t, func(t *testing.T, w *world, timers bool) {
		inTime(t, func(unit time.Duration) bool { return delayThatIsNoLevel(t, w, timers, unit) })
	})
}

// delayThatIsNoLevel reports whether a message was late.
func delayThatIsNoLevel(t *testing.T, w *world, timers bool, unit time.Duration) (late bool) {
	topic := newTopic(t, "delay")
	w.createTopic(t, topic, 1)
	p := publisherIn(t, w, func(c *publisher.Config) { c.Delay.RequireLevel = true })
	warm(t, p, topic)
	level, none := newMessage("level"), newMessage("none")
	noLevel := unit * 17 / 10
	began := time.Now()
	delay.Message(level, delay.For(unit))
	delay.Message(none, delay.For(noLevel))
	require.NoError(t, p.Publish(topic, level))
	err := p.Publish(topic, none)
	if timers {
		require.NoError(t, err)
		found := bodiesOf(w.readDelayed(t, topic, 3))
		if wasLate(found["level"], began.Add(unit)) || wasLate(found["none"], began.Add(noLevel)) {
			return true
		}
		requireDelayed(t, found["level"], began.Add(unit), level, timers)
		requireDelayed(t, found["none"], began.Add(noLevel), none, timers)
		return false
	}
	if time.Since(began) >= noLevel && err == nil {
		return true
	}
	var refused *publisher.DelayLevelError
	require.ErrorAs(t, err, &refused)
	require.LessOrEqual(t, refused.Delay, noLevel)
	require.Len(t, refused.Levels, 18)
	require.EqualValues(t, headers.Version4_9_7, refused.Version)
	require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
	requireOneAttempt(t, failureOf(t, err).Results[0])
	found := bodiesOf(w.readDelayed(t, topic, 2))
	if wasLate(found["level"], began.Add(unit)) {
		return true
	}
	requireDelayed(t, found["level"], began.Add(unit), level, timers)
	return false
}

// DelayOnError and PoisonQueue with a publisher that gives every message a key: the
// message is handled once and arrives later, without the key.
func TestDelayOnErrorWithOrderingKey(t *testing.T) {
	inDelayWorlds(t, func(t *testing.T, w *world, timers bool) {
		inTime(t, func(unit time.Duration) bool { return delayOnErrorWithKey(t, w, timers, 2*unit) })
	})
}

// delayOnErrorWithKey reports whether a message was late.
func delayOnErrorWithKey(t *testing.T, w *world, timers bool, length time.Duration) (late bool) {
	topic := newTopic(t, "poison")
	w.createTopic(t, topic, 4)
	p := publisherIn(t, w, alwaysKeyed)
	warm(t, p, topic)
	in := routed(t, p, topic, failing(errBroken), poisonQueue(p, topic), delayOnError(length))
	began := time.Now()
	require.Equal(t, 1, in.deliver(t, newMessage("order")))
	found := bodiesOf(w.readDelayed(t, topic, 2))
	if wasLate(found["order"], began.Add(length)) {
		return true
	}
	require.GreaterOrEqual(t, found["order"].StoredAt, began.Add(length).UnixMilli())
	require.NotContains(t, found["order"].Properties, headers.PropertyShardingKey)
	require.Equal(t, timers, found["order"].Properties["DELAY"] == "")
	require.Equal(t, "customer 7", found["first"].Properties[headers.PropertyShardingKey])
	require.Equal(t, errBroken.Error(), unmarshal(t, found["order"]).Metadata["reason_poisoned"])
	return false
}

// A poison reason as long as a stack is cut to what brokers take.
func TestPoisonReasonTooLong(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "poison")
		w.createTopic(t, topic, 1)
		p := publisherIn(t, w, nil)
		reason := strings.Repeat("panic: Größe 日本\n", 5000)
		require.Equal(t, 1, routed(t, p, topic, failing(errors.New(reason)), poisonQueue(p, topic)).deliver(t, newMessage("order")))
		got := unmarshal(t, w.read(t, topic, 1)[0])
		kept, _, ok := strings.Cut(got.Metadata["reason_poisoned"], "... [")
		require.True(t, ok)
		require.True(t, strings.HasPrefix(reason, kept))
		require.Greater(t, len(kept), 30_000)
		require.Equal(t, "order", string(got.Payload))
	})
}

// A requeuer publishes what has a delay ahead later, and at once what has waited
// already and still says so.
func TestDelayThroughRequeuer(t *testing.T) {
	inDelayWorlds(t, func(t *testing.T, w *world, timers bool) {
		inTime(t, func(unit time.Duration) bool { return delayThroughRequeuer(t, w, timers, unit) })
	})
}

// delayThroughRequeuer reports whether a message was late.
func delayThroughRequeuer(t *testing.T, w *world, timers bool, unit time.Duration) (late bool) {
	topic := newTopic(t, "again")
	w.createTopic(t, topic, 1)
	in := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
	p := publisherIn(t, w, nil)
	warm(t, p, topic)
	again, err := requeuer.NewRequeuer(requeuer.Config{
		Subscriber: in, SubscribeTopic: "failed", Publisher: p,
		GeneratePublishTopic: func(requeuer.GeneratePublishTopicParams) (string, error) { return topic, nil },
	}, watermill.NopLogger{})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- again.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, in.Close())
	}()

	waited, fresh := newMessage("waited"), newMessage("fresh")
	delay.Message(waited, delay.For(-3*time.Second))
	began := time.Now()
	delay.Message(fresh, delay.For(unit))
	require.NoError(t, in.Publish("failed", waited, fresh))

	found := bodiesOf(w.readDelayed(t, topic, 3))
	require.NotContains(t, found["waited"].Properties, "REAL_TOPIC")
	require.Equal(t, "1", unmarshal(t, found["waited"]).Metadata.Get(requeuer.RetriesKey))
	fresh.Metadata.Set(requeuer.RetriesKey, "1")
	if wasLate(found["fresh"], began.Add(unit)) {
		return true
	}
	requireDelayed(t, found["fresh"], began.Add(unit), fresh, timers)
	return false
}

package pop_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/pop"
)

// read returns what the group gets of these payloads, and that there is no more.
func (w *world) read(n int, topic engine.Topic) []string {
	w.t.Helper()
	m := w.member(nil)
	s := m.subscribe(nil, topic)
	got := s.take(n)
	s.none(3 * time.Second)
	require.NoError(w.t, s.end(time.Second))
	m.close()
	slices.Sort(got)
	return got
}

// at says where the world's topic is read from.
func (w *world) at(p engine.Position, when time.Time) engine.Topic {
	return engine.Topic{Name: w.topic, From: engine.From{Position: p, Time: when}}
}

// initialize makes a position durable.
func (w *world) initialize(topic engine.Topic) {
	w.t.Helper()
	m := w.member(nil)
	w.patiently(func() error { return m.Initialize(w.t.Context(), topic) })
	m.close()
}

// A new group begins where it was initialized, also in queues that are young or have no
// messages, and stays there whatever is initialized later.
func TestFromLatest(t *testing.T) {
	onAll(t, 4, func(w *world) {
		w.publish(numbered("old", 10)...)
		w.awaitStored(10)
		w.initialize(w.at(engine.Latest, time.Time{}))
		w.publish(numbered("new", 10)...)
		w.initialize(w.at(engine.Latest, time.Time{}))
		require.Equal(w.t, numbered("new", 10), w.read(10, w.at(engine.Earliest, time.Time{})))
		w.publish("newest")
		require.Equal(w.t, []string{"newest"}, w.read(1, w.at(engine.Latest, time.Time{})))
	}, realNames...)
}

func TestFromTime(t *testing.T) {
	onAll(t, 2, func(w *world) {
		w.publish(numbered("old", 10)...)
		time.Sleep(1200 * time.Millisecond) // the time between them is what it is about
		when := time.Now()
		time.Sleep(200 * time.Millisecond)
		w.publish(numbered("new", 10)...)
		w.initialize(w.at(engine.FromTime, when))
		require.Equal(w.t, numbered("new", 10), w.read(10, w.at(engine.Earliest, time.Time{})))

		w.group += "2"
		w.initialize(w.at(engine.FromTime, time.Now().Add(time.Hour)))
		w.publish("future")
		require.Equal(w.t, []string{"future"}, w.read(1, w.at(engine.Earliest, time.Time{})))

		w.group += "3"
		w.initialize(w.at(engine.FromTime, when.Add(-time.Hour)))
		require.Len(w.t, w.read(21, w.at(engine.Earliest, time.Time{})), 21)
	}, realNames...)
}

func TestFromEarliest(t *testing.T) {
	onAll(t, 4, func(w *world) {
		w.publish(numbered("old", 10)...)
		w.initialize(w.at(engine.Earliest, time.Time{}))
		require.Equal(w.t, numbered("old", 10), w.read(10, w.at(engine.Earliest, time.Time{})))
	}, realNames...)
}

// A group that has read all is moved back, and forth.
func TestSeek(t *testing.T) {
	onAll(t, 2, func(w *world) {
		seek := func(p engine.Position, when time.Time) {
			m := w.member(nil)
			w.patiently(func() error {
				return m.Seek(w.t.Context(), w.at(engine.Earliest, time.Time{}), engine.From{Position: p, Time: when})
			})
			m.close()
		}
		first, second := numbered("a", 10), numbered("b", 10)
		w.publish(first...)
		time.Sleep(1200 * time.Millisecond) // the time between them is what it is about
		when := time.Now()
		time.Sleep(200 * time.Millisecond)
		w.publish(second...)
		all := append(slices.Clone(first), second...)
		require.Equal(w.t, all, w.read(20, w.at(engine.Earliest, time.Time{})))
		seek(engine.Earliest, time.Time{})
		require.Equal(w.t, all, w.read(20, w.at(engine.Latest, time.Time{})))
		seek(engine.FromTime, when)
		require.Equal(w.t, second, w.read(10, w.at(engine.Latest, time.Time{})))
		seek(engine.Earliest, time.Time{})
		seek(engine.Latest, time.Time{})
		w.publish("c")
		require.Equal(w.t, []string{"c"}, w.read(1, w.at(engine.Earliest, time.Time{})))
	}, realNames...)
}

// Seek moves a group while it reads, where the broker resets offsets.
func TestSeekWhileReading(t *testing.T) {
	onAll(t, 2, func(w *world) {
		all := numbered("a", 100)
		w.publish(all...)
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{})
		s.take(100)
		require.NoError(w.t, m.Seek(w.t.Context(), w.at(engine.Earliest, time.Time{}), engine.From{Position: engine.Earliest}))
		w.publish("b", "c")
		got := s.take(102)
		slices.Sort(got)
		require.Equal(w.t, append(all, "b", "c"), got)
		require.NoError(w.t, s.end(time.Second))
		m.close()
	}, "5.5.0", "5.3.3", kvMode)
}

// A broker without POP is found before anything is read.
func TestBrokerWithoutPOP(t *testing.T) {
	test := func(w *world) {
		m := w.member(nil)
		for _, from := range []engine.Position{engine.Earliest, engine.Latest} {
			var unsupported *pop.UnsupportedError
			w.patiently(func() error {
				_, err := m.trySubscribe(nil, w.at(from, time.Time{}))
				require.Error(w.t, err)
				if errors.As(err, &unsupported) {
					return nil
				}
				return err
			})
			require.Equal(w.t, headers.Version4_9_7, unsupported.Version)
			require.ErrorContains(w.t, unsupported, "4.9.7")
		}
		m.close()
	}
	inBubble(t, 1, test, embedded.WithVersion(headers.Version4_9_7))
	t.Run("real", func(t *testing.T) { test(onReal(t, sharedCluster(t, "4.9.7"), 1)) })
}

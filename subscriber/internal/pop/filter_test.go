package pop_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// tagged publishes messages whose tag is what their payloads begin with.
func (w *world) tagged(payloads ...string) {
	w.t.Helper()
	w.publishWith(publisher.Config{}, func(m *message.Message) { m.Metadata.Set(marshaler.MetadataTag, keyOf(string(m.Payload))) }, payloads...)
}

// Messages of other tags do not come: neither those that the broker passes over, nor those
// whose tag has the same hash code in Java ("BB" and "Aa").
func TestTags(t *testing.T) {
	onAll(t, 2, func(w *world) {
		m := w.member(nil)
		s := m.subscribe(nil, engine.Topic{Filter: engine.Filter{Expression: "Aa || C"}})
		var want []string
		for i, tag := range []string{"Aa", "BB", "C", "D"} {
			payloads := numbered(tag, 20)
			w.tagged(payloads...)
			if i%2 == 0 {
				want = append(want, payloads...)
			}
		}
		got := s.take(40)
		slices.Sort(got)
		require.Equal(w.t, want, got)
		s.none(3 * time.Second)
		w.tagged("C-late")
		require.Equal(w.t, []string{"C-late"}, s.take(1))
		require.NoError(w.t, s.end(time.Second))
		m.close()
	}, "5.5.0", "5.1.4", kvMode)
}

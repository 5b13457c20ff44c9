package messages

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// A message is noted in the moment in which it comes in sight, so that nobody sees a queue
// that is past it before.
func TestArrived(t *testing.T) {
	s := NewStore(store.InMemory(1<<20), 0)
	var q queues.Queue
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	var noted []int64
	for range 2 {
		raw, err := body.AppendStored(nil, &body.StoredMessage{Topic: "topic", BornHost: host, StoreHost: host})
		require.NoError(t, err)
		placed, err := s.Put("topic", 0, &q, []Entry{{Raw: raw, Arrived: func(at, offset int64) {
			require.Equal(t, q.Units[offset].Offset, at)
			require.Equal(t, q.Next(), offset+1)
			noted = append(noted, offset)
		}}}, 0)
		require.NoError(t, err)
		require.EqualValues(t, len(noted), placed.FirstOffset)
		s.Arrive(All, func(*Arrival) { require.EqualValues(t, len(noted), q.Next()) })
	}
	require.Equal(t, []int64{0, 1}, noted)

	// What is lost was never there.
	raw, err := body.AppendStored(nil, &body.StoredMessage{Topic: "topic", BornHost: host, StoreHost: host})
	require.NoError(t, err)
	placed, err := s.Put("topic", 0, &q, []Entry{{Raw: raw, Arrived: func(int64, int64) { t.Error("it is lost") }}}, 0)
	require.NoError(t, err)
	s.Lose(placed.LogOffsets[0])
	s.Arrive(All, func(*Arrival) { t.Error("it is lost") })
}

package receive

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// published returns what a 5.x broker sends of a message that our Publisher has sent.
func published(tb testing.TB, metadata message.Metadata) []byte {
	tb.Helper()
	msg := message.NewMessage("5f1d7e9a-8d4b-4c6e-9f27-2f8b6c1d3e5a", []byte(strings.Repeat("x", 128)))
	msg.Metadata = metadata
	made, err := marshaler.Default{}.Marshal("orders", msg)
	require.NoError(tb, err)
	m := body.StoredMessage{Topic: "orders", Flag: made.Flag, Body: made.Body, QueueID: 3, QueueOffset: 7, BornTimestamp: 1795443880550}
	for _, p := range append(made.Properties,
		headers.Property{Name: "UNIQ_KEY", Value: "7F00000100002A9F00000000000003E8"}, headers.Property{Name: "WAIT", Value: "true"},
		headers.Property{Name: "CLUSTER", Value: "DefaultCluster"},
	) {
		m.Properties = headers.AppendProperty(m.Properties, p.Name, p.Value)
	}
	raw, err := body.AppendStored(nil, &m)
	require.NoError(tb, err)
	return raw
}

var threeEntries = message.Metadata{"name": "OrderPlaced", "correlation_id": "VfQx7cCkGUJ3uLzQmVnWzh", "published_at": "2026-11-29T15:00:00Z"}

// A message costs what it consists of: four objects of Watermill's NewMessage, a string
// of its properties, and the first entries of its metadata. If the topic is not known, its
// name and a list of the properties come to that.
func TestReceiveAllocations(t *testing.T) {
	room := NewRoom(1 << 20)
	for _, u := range []marshaler.Unmarshaler{nil, marshaler.Default{}} {
		reader := Reader{Unmarshaler: u, Topics: marshaler.EscapeTopics{}}
		for want, metadata := range map[float64]message.Metadata{5: nil, 6: threeEntries} {
			raw := published(t, metadata)
			require.Equal(t, metadata.Get("name"), receiveKnown(t, room, reader, raw).Metadata.Get("name"))
			require.Equal(t, want, testing.AllocsPerRun(100, func() { receiveKnown(t, room, reader, raw) }))
			require.Equal(t, want+2, testing.AllocsPerRun(100, func() { receiveUnknown(t, room, reader, raw) }))
		}
	}
}

// A body that is compressed costs its plain form besides: decoders are kept.
func TestUnpackAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector keeps pools from reusing what they have")
	}
	room := NewRoom(1 << 20)
	for _, c := range []body.Compression{body.Zlib, body.LZ4, body.Zstd} {
		z, err := body.NewCompressor(c, 0)
		require.NoError(t, err)
		packed, err := z.Compress(nil, []byte("two pizzas"))
		require.NoError(t, err)
		m := Message{Stored: body.StoredMessage{Body: packed, SysFlag: z.SysFlag()}}
		require.Equal(t, 1.0, testing.AllocsPerRun(1000, func() {
			taken, err := room.Unpack(t.Context(), &m)
			require.NoError(t, err)
			room.Leave(taken)
		}), c)
		require.Equal(t, "two pizzas", string(m.Body))
	}
}

// What a message's handler may ask for costs nothing but what is made for the answer.
func TestInfoAllocations(t *testing.T) {
	m, _, err := Parse(published(t, threeEntries))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _, _, _ = m.UniqueKey(), m.Tag(), m.Born(), m.StoredAt()
	}))
	for _, ask := range []func(){func() { m.OffsetID() }, func() { m.Keys() }, func() { m.PropertyList() }} {
		require.Equal(t, 1.0, testing.AllocsPerRun(100, ask))
	}
}

func BenchmarkReceive(b *testing.B) {
	for name, metadata := range map[string]message.Metadata{"plain": nil, "metadata": threeEntries} {
		raw := published(b, metadata)
		room, reader := NewRoom(1<<20), Reader{Topics: marshaler.EscapeTopics{}}
		b.Run(name+"/topic known", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				receiveKnown(b, room, reader, raw)
			}
		})
		b.Run(name+"/topic unknown", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				receiveUnknown(b, room, reader, raw)
			}
		})
	}
}

func receiveKnown(tb testing.TB, room *Room, reader Reader, raw []byte) *message.Message {
	m, _, err := ParseFrom("orders", raw)
	if err != nil {
		tb.Fatal(err)
	}
	taken, err := room.Unpack(tb.Context(), &m)
	if err != nil {
		tb.Fatal(err)
	}
	defer room.Leave(taken)
	return reader.ReadKnown("orders", &m).Message
}

func receiveUnknown(tb testing.TB, room *Room, reader Reader, raw []byte) *message.Message {
	m, _, err := Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	taken, err := room.Unpack(tb.Context(), &m)
	if err != nil {
		tb.Fatal(err)
	}
	defer room.Leave(taken)
	return reader.Read("orders", &m).Message
}

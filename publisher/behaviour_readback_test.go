package publisher_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// What consumers hold is turned back into the messages that were published, and into
// Watermill's name of their topic: what the Java client hands out, bodies
// decompressed and properties as a map, and what the answer to a pull brings, bodies
// as they are stored and properties as the string.
func TestReadBack(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := "shop." + newTopic(t, "readback")
		mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
		require.NoError(t, err)
		w.createTopic(t, mapped.Name, 1)
		want := make(map[string]*message.Message)
		for _, codec := range []publisher.Compression{publisher.NoCompression, publisher.Zlib, publisher.LZ4, publisher.Zstd} {
			p := publisherIn(t, w, func(c *publisher.Config) { c.Compression.Codec = codec })
			large := messageWith("name", "OrderPlaced", "note", "", "DELAY", "none", marshaler.MetadataTag, "paid", marshaler.MetadataKeys, "order-1", marshaler.MetadataFlag, "-7")
			large.Payload = []byte(strings.Repeat("two pizzas ", 1000))
			empty := newMessage("")
			empty.Payload = nil
			for _, msg := range []*message.Message{large, empty} {
				want[msg.UUID] = msg
				require.NoError(t, p.Publish(topic, msg))
			}
		}
		same := func(ext marshaler.MessageExt) {
			t.Helper()
			name, msg, err := marshaler.Reader{}.Read(ext)
			require.NoError(t, err)
			require.Equal(t, topic, name)
			require.Contains(t, want, msg.UUID)
			requireSameMessage(t, want[msg.UUID], msg)
		}
		all := w.read(t, mapped.Name, len(want))
		for _, s := range all {
			same(s.ext())
		}
		packed := 0
		for _, m := range pullAll(t, w, all[0]) {
			if m.SysFlag&headers.SysFlagCompressed != 0 {
				packed++
			}
			same(marshaler.MessageExt{
				Topic: m.Topic, Body: m.Body, SysFlag: m.SysFlag, Decompressed: marshaler.DecompressedNone,
				Flag: m.Flag, Properties: marshaler.ParseProperties(string(m.Properties)),
			})
		}
		require.Equal(t, 3, packed)
	})
}

// pullAll pulls the queue of a message from its beginning, once.
func pullAll(t *testing.T, w *world, s stored) []body.StoredMessage {
	t.Helper()
	client, err := transport.New(transport.Config{Dial: w.dial})
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	answer, err := client.Invoke(ctx, storeHost(t, s.OffsetMessageID), &headers.PullMessage{
		ConsumerGroup: "readback", Topic: s.Topic, QueueID: s.QueueID, MaxMessages: 32,
		SysFlag: headers.PullSubscription, Subscription: "*",
	}, nil)
	require.NoError(t, err)
	require.NoError(t, answer.Err())
	var all []body.StoredMessage
	for rest := answer.Body; len(rest) > 0; {
		var m body.StoredMessage
		m, rest, err = body.ParseStored(rest)
		require.NoError(t, err)
		all = append(all, m)
	}
	return all
}

// storeHost is the broker's address, which is part of an offset message id.
func storeHost(t *testing.T, offsetMessageID string) string {
	t.Helper()
	id, err := hex.DecodeString(offsetMessageID)
	require.NoError(t, err)
	require.Len(t, id, 4+4+8, "an IPv4 address")
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(id)), uint16(binary.BigEndian.Uint32(id[4:]))).String()
}

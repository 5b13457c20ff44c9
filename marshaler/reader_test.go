package marshaler

import (
	"errors"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// What a consumer holds of a message that was published is that message again,
// whatever form the client gives the properties.
func TestReader(t *testing.T) {
	long := strings.Repeat("a name that no topic has. ", 10)
	for _, topic := range []string{"orders", "shop.orders", "_wm_orders", long} {
		mapped, err := EscapeTopics{}.MapTopic(topic)
		require.NoError(t, err)
		for _, payload := range []message.Payload{nil, {}, message.Payload(strings.Repeat("two pizzas ", 1000))} {
			want := newMessage(testUUID, payload, "name", "OrderPlaced", "note", "", MetadataTag, "paid", MetadataKeys, "order-1", MetadataFlag, "-7")
			sent, err := Default{}.Marshal(topic, want)
			require.NoError(t, err)
			list := append(sent.Properties, headers.Property{Name: "UNIQ_KEY", Value: "ID"}, headers.Property{Name: "CLUSTER", Value: "c"},
				headers.Property{Name: "MIN_OFFSET", Value: "0"}, headers.Property{Name: "CONSUME_START_TIME", Value: "1"})
			if mapped.Property.Name != "" {
				list = append(list, mapped.Property)
			}
			text, byName := "", make(map[string]string)
			for _, p := range list {
				text += p.Name + "\x01" + p.Value + "\x02"
				byName[p.Name] = p.Value
			}
			for _, properties := range [][]headers.Property{list, ParseProperties(text), PropertiesOf(byName)} {
				for _, c := range compressions {
					name, got, err := Reader{}.Read(MessageExt{
						Topic: mapped.Name, Body: compressed(t, c, sent.Body), SysFlag: c.SysFlag(), Decompressed: DecompressedNone,
						Flag: sent.Flag, Properties: properties,
					})
					require.NoError(t, err)
					require.Equal(t, topic, name)
					require.True(t, want.Equals(got), "%v", got.Metadata)
					require.Equal(t, payload == nil, got.Payload == nil)
				}
			}
		}
	}
}

type refusing struct{ err error }

func (r refusing) Unmarshal(topic string, _ Message) (*message.Message, error) {
	return nil, errors.Join(r.err, errors.New(topic))
}

func TestReaderWithOtherParts(t *testing.T) {
	ext := MessageExt{Topic: "_wm_shop-2Eorders", Body: []byte("x"), Decompressed: DecompressedAll, Properties: []headers.Property{{Name: "UNIQ_KEY", Value: "ID"}}}
	errNo := errors.New("no")
	topic, msg, err := Reader{Unmarshaler: refusing{errNo}}.Read(ext)
	require.ErrorIs(t, err, errNo)
	require.ErrorContains(t, err, "shop.orders")
	require.Equal(t, "shop.orders", topic)
	require.Nil(t, msg)

	topic, msg, err = Reader{Topics: PlainTopics{}}.Read(ext)
	require.NoError(t, err)
	require.Equal(t, "_wm_shop-2Eorders", topic)
	require.Equal(t, "ID", msg.UUID, "a foreign message has its unique id")

	// A topic that nobody can have mapped keeps its name.
	ext.Topic = "_wm_a-h0123"
	topic, _, err = Reader{}.Read(ext)
	require.NoError(t, err)
	require.Equal(t, ext.Topic, topic)

	ext.Body, ext.SysFlag, ext.Decompressed = compressed(t, body.LZ4, make([]byte, 100)), body.LZ4.SysFlag(), DecompressedNone
	topic, msg, err = Reader{MaxBodySize: 99}.Read(ext)
	require.ErrorIs(t, err, ErrBodyTooLarge)
	require.Equal(t, ext.Topic, topic)
	require.Nil(t, msg)
	_, _, err = Reader{MaxBodySize: 100}.Read(ext)
	require.NoError(t, err)
}

// FuzzReader: whatever a client holds, reading it does not panic, takes no more than
// the limit, and fails for the body alone.
func FuzzReader(f *testing.F) {
	f.Add("_wm_shop-2Eorders", []byte("x"), int32(0), 1, "UNIQ_KEY\x01ID\x02", 10)
	for _, c := range compressions {
		f.Add("orders", compressed(f, c, make([]byte, 1000)), c.SysFlag(), int(DecompressedNone), "_wm_uuid\x01%\x02_wm_topic\x01a\x02", 1000)
		f.Add("orders", compressed(f, c, make([]byte, 1000)), c.SysFlag(), int(DecompressedZlib), "", 1)
	}
	f.Fuzz(func(t *testing.T, topic string, raw []byte, sysFlag int32, client int, properties string, limit int) {
		limit = max(1, min(limit, 1<<20))
		ext := MessageExt{Topic: topic, Body: raw, SysFlag: sysFlag, Decompressed: Decompressed(client), Properties: ParseProperties(properties)}
		_, msg, err := Reader{MaxBodySize: limit}.Read(ext)
		if err != nil {
			var failure *BodyError
			require.ErrorAs(t, err, &failure)
			require.Nil(t, msg)
			return
		}
		require.LessOrEqual(t, len(msg.Payload), max(limit, len(raw)))
	})
}

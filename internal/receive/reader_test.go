package receive

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// stored returns what a broker sends of a message that was published to a topic with a
// name that RocketMQ does not know, compressed.
func stored(t *testing.T, topic string, msg *message.Message) []byte {
	t.Helper()
	mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
	require.NoError(t, err)
	made, err := marshaler.Default{}.Marshal(topic, msg)
	require.NoError(t, err)
	z, err := body.NewCompressor(body.LZ4, 0)
	require.NoError(t, err)
	m := body.StoredMessage{
		Topic: mapped.Name, Flag: made.Flag, SysFlag: z.SysFlag(), QueueID: 3, QueueOffset: 7, BornTimestamp: 1795443880550,
	}
	m.Body, err = z.Compress(nil, made.Body)
	require.NoError(t, err)
	for _, p := range append(made.Properties, headers.Property{Name: "PGROUP", Value: "old"}, headers.Property{Name: "PGROUP", Value: "shop"}) {
		m.Properties = headers.AppendProperty(m.Properties, p.Name, p.Value)
	}
	raw, err := body.AppendStored(nil, &m)
	require.NoError(t, err)
	return raw
}

func order() *message.Message {
	msg := message.NewMessage("5f1d7e9a-8d4b-4c6e-9f27-2f8b6c1d3e5a", []byte("two pizzas"))
	msg.Metadata = message.Metadata{"name": "OrderPlaced", marshaler.MetadataFlag: "-7"}
	return msg
}

// What a broker sends is the message that was published, one behind the other.
func TestReader(t *testing.T) {
	raw := stored(t, "shop.orders", order())
	rest := append(raw[:len(raw):len(raw)], stored(t, "shop.returns", order())...)
	room, reader := NewRoom(1000), Reader{Topics: marshaler.EscapeTopics{}}
	for _, topic := range []string{"shop.orders", "shop.returns"} {
		var m Message
		var err error
		m, rest, err = Parse(rest)
		require.NoError(t, err)
		require.EqualValues(t, 3, m.Stored.QueueID)
		require.EqualValues(t, 7, m.Stored.QueueOffset)
		require.Equal(t, time.UnixMilli(1795443880550), m.Born())
		require.Equal(t, "shop", m.Property("PGROUP"), "the last, as in Java")
		require.Empty(t, m.Property("none"))
		require.Nil(t, m.Body)
		taken, err := room.Unpack(t.Context(), &m)
		require.NoError(t, err)
		require.Equal(t, len("two pizzas"), taken)
		known := Reader{}.ReadKnown(topic, &m) // which needs no Topics
		require.Equal(t, topic, known.Topic)
		require.NoError(t, errors.Join(known.TopicErr, known.UnmarshalErr))
		require.Equal(t, order().UUID, known.Message.UUID)
		got := reader.Read(m.Stored.Topic, &m)
		require.True(t, known.Message.Equals(got.Message))
		require.Equal(t, topic, got.Topic)
		require.NoError(t, got.TopicErr)
		require.NoError(t, got.UnmarshalErr)
		require.Equal(t, "two pizzas", string(got.Message.Payload))
		require.Equal(t, order().UUID, got.Message.UUID)
		require.Equal(t, "OrderPlaced", got.Message.Metadata.Get("name"))
		require.Equal(t, "-7", got.Message.Metadata.Get(marshaler.MetadataFlag))
		room.Leave(taken)
	}
	require.Empty(t, rest)
	m, rest, err := Parse(raw[:len(raw)-1])
	require.ErrorIs(t, err, headers.ErrMalformed)
	require.Zero(t, m)
	require.Nil(t, rest)
}

// A message of the topic that was asked for has its name, and another one its own.
func TestParseFrom(t *testing.T) {
	raw := stored(t, "orders", order())
	for _, topic := range []string{"orders", "ns%orders", ""} {
		m, rest, err := ParseFrom(topic, raw)
		require.NoError(t, err)
		require.Empty(t, rest)
		require.Equal(t, "orders", m.Stored.Topic)
	}
}

// unmarshaler and topics are a user's.
type unmarshaler func(topic string) (*message.Message, error)

func (f unmarshaler) Unmarshal(topic string, _ marshaler.Message) (*message.Message, error) {
	return f(topic)
}

type topics struct {
	marshaler.PlainTopics
	unmap func() (string, error)
}

func (t topics) UnmapTopic(string, []headers.Property) (string, error) { return t.unmap() }

// embedding is a user's, with methods of marshaler.Default that are not those of its
// Unmarshal.
type embedding struct{ marshaler.Default }

func (embedding) Unmarshal(_ string, m marshaler.Message) (*message.Message, error) {
	return message.NewMessage("mine", []byte(m.Properties[0].Value)), nil
}

// A user's Unmarshaler is given the message as it came, whatever it is made of.
func TestReaderGivesTheWholeMessage(t *testing.T) {
	m, _, err := Parse(stored(t, "orders", order()))
	require.NoError(t, err)
	_, err = NewRoom(1000).Unpack(t.Context(), &m)
	require.NoError(t, err)
	want := marshaler.Message{Body: []byte("two pizzas"), Flag: -7, Properties: []headers.Property{
		{Name: "_watermill_message_uuid", Value: order().UUID},
		{Name: "KEYS", Value: order().UUID},
		{Name: "name", Value: "OrderPlaced"},
		{Name: "PGROUP", Value: "old"},
		{Name: "PGROUP", Value: "shop"},
	}}
	require.Equal(t, want.Properties, m.PropertyList())
	seen := 0
	keep := keeping(func(got marshaler.Message) {
		seen++
		require.Equal(t, want, got)
	})
	Reader{Topics: marshaler.EscapeTopics{}, Unmarshaler: keep}.Read("orders", &m)
	Reader{Unmarshaler: keep}.ReadKnown("orders", &m)
	require.Equal(t, 2, seen)

	got := Reader{Unmarshaler: embedding{}}.ReadKnown("orders", &m)
	require.Equal(t, "mine", got.Message.UUID)
	require.Equal(t, order().UUID, string(got.Message.Payload))
}

type keeping func(marshaler.Message)

func (f keeping) Unmarshal(_ string, m marshaler.Message) (*message.Message, error) {
	f(m)
	return message.NewMessage("", nil), nil
}

// Where the user's code fails, the message is that of the default, and the error says so.
func TestReaderWithoutTheUsersCode(t *testing.T) {
	errNo := errors.New("no")
	m, _, err := Parse(stored(t, "orders", order()))
	require.NoError(t, err)
	_, err = NewRoom(1000).Unpack(t.Context(), &m)
	require.NoError(t, err)
	mine := message.NewMessage("mine", nil)

	got := Reader{Topics: topics{unmap: func() (string, error) { return "sales", nil }}, Unmarshaler: unmarshaler(func(topic string) (*message.Message, error) {
		require.Equal(t, "sales", topic)
		return mine, nil
	})}.Read("orders", &m)
	require.Equal(t, Delivery{Topic: "sales", Message: mine}, got)

	for name, failing := range map[string]unmarshaler{
		"error":             func(string) (*message.Message, error) { return nil, errNo },
		"error and message": func(string) (*message.Message, error) { return mine, errNo },
		"panic":             func(string) (*message.Message, error) { panic(errNo) },
	} {
		got := Reader{Topics: marshaler.EscapeTopics{}, Unmarshaler: failing}.Read("orders", &m)
		require.Equal(t, "two pizzas", string(got.Message.Payload), name)
		if name != "panic" {
			require.Equal(t, errNo, got.UnmarshalErr, name)
			continue
		}
		var p *PanicError
		require.ErrorAs(t, got.UnmarshalErr, &p)
		require.Equal(t, errNo, p.Value)
		require.Equal(t, "panicked: no", p.Error())
		require.Contains(t, string(p.Stack), "reader_test.go")
	}
	got = Reader{Topics: marshaler.EscapeTopics{}, Unmarshaler: unmarshaler(func(string) (*message.Message, error) { return nil, nil })}.Read("orders", &m)
	require.Equal(t, "two pizzas", string(got.Message.Payload))

	for name, unmap := range map[string]func() (string, error){
		"error": func() (string, error) { return "lost", errNo },
		"panic": func() (string, error) { panic(errNo) },
	} {
		got := Reader{Topics: topics{unmap: unmap}}.Read("orders", &m)
		require.Equal(t, "orders", got.Topic, name)
		require.ErrorContains(t, got.TopicErr, "no", name)
		require.NoError(t, got.UnmarshalErr, name)
	}
}

// A message without its body is not shown to the Unmarshaler.
func TestReaderWithoutBody(t *testing.T) {
	m, _, err := Parse(stored(t, "orders", order()))
	require.NoError(t, err)
	taken, err := NewRoom(3).Unpack(t.Context(), &m)
	require.NoError(t, err)
	require.Zero(t, taken)
	got := Reader{Topics: marshaler.EscapeTopics{}, Unmarshaler: unmarshaler(func(string) (*message.Message, error) {
		t.Error("called")
		return nil, nil
	})}.Read("orders", &m)
	require.ErrorIs(t, got.UnmarshalErr, marshaler.ErrBodyTooLarge)
	require.Empty(t, got.Message.Payload)
	require.Equal(t, order().UUID, got.Message.UUID)
}

// FuzzRead: whatever a broker sends, there is a message of it or an error of Parse, and
// no more of it in memory than the room has.
func FuzzRead(f *testing.F) {
	for _, c := range []body.Compression{body.Zlib, body.LZ4, body.Zstd} {
		z, err := body.NewCompressor(c, 0)
		require.NoError(f, err)
		packed, err := z.Compress(nil, make([]byte, 100))
		require.NoError(f, err)
		raw, err := body.AppendStored(nil, &body.StoredMessage{Topic: "_wm_shop-2Eorders", Body: packed, SysFlag: z.SysFlag(), Properties: []byte("a\x01b\x02_wm_uuid\x01%\x02")})
		require.NoError(f, err)
		f.Add(raw, 100)
		f.Add(raw, 1)
	}
	f.Fuzz(func(t *testing.T, raw []byte, most int) {
		most = max(1, min(most, 1<<20))
		m, _, err := Parse(raw)
		if err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
			return
		}
		room := NewRoom(most)
		taken, err := room.Unpack(t.Context(), &m)
		require.NoError(t, err)
		require.LessOrEqual(t, taken, most)
		got := Reader{Topics: marshaler.EscapeTopics{}}.Read(m.Stored.Topic, &m)
		require.NotNil(t, got.Message)
		require.Equal(t, m.BodyErr, got.UnmarshalErr)
		// The shorter way gives the same.
		same, err := marshaler.Default{}.Unmarshal("", marshaler.Message{Body: m.Body, Flag: m.Stored.Flag, Properties: m.PropertyList()})
		require.NoError(t, err)
		require.Equal(t, same.UUID, got.Message.UUID)
		require.Equal(t, same.Metadata, got.Message.Metadata)
		require.Equal(t, same.Payload, got.Message.Payload)
		// What can be asked is answered of the properties, the last of each.
		last := make(map[string]string)
		for _, p := range m.PropertyList() {
			last[p.Name] = p.Value
		}
		require.Equal(t, last["UNIQ_KEY"], m.UniqueKey())
		require.Equal(t, last["TAGS"], m.Tag())
		require.Equal(t, strings.FieldsFunc(last["KEYS"], func(r rune) bool { return r == ' ' }), append([]string{}, m.Keys()...))
		require.Contains(t, []int{32, 56}, len(m.OffsetID()))
		room.Leave(taken)
		require.Zero(t, room.used)
	})
}

package marshaler

import (
	"strconv"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Messages that Marshal did not make, or that were changed on the way.
func TestUnmarshal(t *testing.T) {
	tests := []struct {
		name     string
		body     string
		props    []headers.Property
		uuid     string
		metadata message.Metadata
		payload  message.Payload
	}{
		{
			"from a Java producer", "hello",
			props("KEYS", "key1 key2", "user_k", "vé", "UNIQ_KEY", "FD00", "WAIT", "true", "TAGS", "TagA", "CLUSTER", "c", "MSG_REGION", "r", "TRACE_ON", "true"),
			"FD00",
			message.Metadata{"user_k": "vé", MetadataTag: "TagA", MetadataKeys: "key1 key2"},
			message.Payload("hello"),
		},
		{"from nobody we know", "x", nil, "", message.Metadata{}, message.Payload("x")},
		{
			"retried and delayed", "x",
			props("_watermill_message_uuid", "u", "UNIQ_KEY", "1", "DELAY", "3", "RECONSUME_TIME", "2", "RETRY_TOPIC", "t", "REAL_TOPIC", "t",
				"REAL_QID", "0", "ORIGIN_MESSAGE_ID", "2", "MIN_OFFSET", "0", "MAX_OFFSET", "9", "__RMQ.TRANSIENT.X", "1", "_wm_topic", "t"),
			"u",
			message.Metadata{},
			message.Payload("x"),
		},
		{
			"the last of two counts", "x",
			props("_watermill_message_uuid", "1", "a", "1", "_watermill_message_uuid", "2", "a", "2"),
			"2",
			message.Metadata{"a": "2"},
			message.Payload("x"),
		},
		{
			"one UUID too many", "x",
			props("_watermill_message_uuid", "plain", "_wm_uuid", "escaped"),
			"plain",
			message.Metadata{},
			message.Payload("x"),
		},
		{
			"escaped entries go before plain ones, first", "x",
			props("_wm_m_a", "escaped", "a", "plain"),
			"",
			message.Metadata{"a": "escaped"},
			message.Payload("x"),
		},
		{
			"escaped entries go before plain ones, last", "x",
			props("a", "plain", "_wm_m_a", "escaped"),
			"",
			message.Metadata{"a": "escaped"},
			message.Payload("x"),
		},
		{
			"properties with our mark that are not ours", "x",
			props("_wm_other", "1", "_wm_", "2", "_wm_m_%4", "3", "_wm_m_%41", "4", "_wm_m_a", "%zz", "_wm_m_", "6", "_wm_uuid", "%ff", "UNIQ_KEY", "7"),
			"7",
			message.Metadata{"_wm_other": "1", "_wm_": "2", "_wm_m_%4": "3", "_wm_m_%41": "4", "_wm_m_a": "%zz", "_wm_m_": "6", "_wm_uuid": "%ff"},
			message.Payload("x"),
		},
		{
			"an entry that has the name of the UUID", "x",
			props("_wm_m__watermill_message_uuid", "1"),
			"",
			message.Metadata{"_watermill_message_uuid": "1"},
			message.Payload("x"),
		},
		{
			"a payload mark on a real body", "body",
			props("_wm_payload", "nil"),
			"",
			message.Metadata{"_wm_payload": "nil"},
			message.Payload("body"),
		},
		{
			"an unknown payload mark", " ",
			props("_wm_payload", "none"),
			"",
			message.Metadata{"_wm_payload": "none"},
			message.Payload(" "),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Default{}.Unmarshal("topic", Message{Body: []byte(tt.body), Properties: tt.props})
			require.NoError(t, err)
			require.Equal(t, tt.uuid, got.UUID)
			require.Equal(t, tt.metadata, got.Metadata)
			require.Equal(t, tt.payload, got.Payload)
			requireSameRaw(t, got, Message{Body: []byte(tt.body), Properties: tt.props})

			// Whatever came in can go out, and come in again.
			sent, err := Default{}.Marshal("topic", got)
			require.NoError(t, err)
			again, err := Default{}.Unmarshal("topic", sent)
			require.NoError(t, err)
			require.True(t, got.Equals(again))
		})
	}
}

// requireSameRaw fails unless UnmarshalRaw makes the message of msg that Unmarshal does.
func requireSameRaw(t testing.TB, want *message.Message, msg Message) {
	t.Helper()
	var raw []byte
	for _, p := range msg.Properties {
		raw = headers.AppendProperty(raw, p.Name, p.Value)
	}
	got := Default{}.UnmarshalRaw(msg.Body, msg.Flag, string(raw))
	require.Equal(t, want.UUID, got.UUID)
	require.Equal(t, want.Metadata, got.Metadata)
	require.Equal(t, want.Payload, got.Payload)
}

// Also a message with more metadata than most has all of it, plain, escaped and by
// attributes.
func TestUnmarshalMuchMetadata(t *testing.T) {
	for _, n := range []int{7, 8, 9, 16, 17, 1000} {
		msg := newMessage(testUUID, []byte("x"), MetadataTag, "paid", MetadataFlag, "7")
		for i := range n {
			msg.Metadata["name"+strconv.Itoa(i)] = "value"
			msg.Metadata["_wm_name"+strconv.Itoa(i)] = "" // escaped
		}
		sent, err := Default{}.Marshal("topic", msg)
		require.NoError(t, err)
		got, err := Default{}.Unmarshal("topic", sent)
		require.NoError(t, err)
		require.True(t, msg.Equals(got), n)
		requireSameRaw(t, got, sent)
	}
}

// Of the properties string, all that has to be made is the message: of Watermill's
// NewMessage with its two channels and its map, and of the map's first entries.
func TestUnmarshalAllocations(t *testing.T) {
	const own = "_watermill_message_uuid\x01" + testUUID + "\x02KEYS\x01" + testUUID + "\x02UNIQ_KEY\x017F00\x02WAIT\x01true\x02CLUSTER\x01c\x02"
	body := []byte("hello")
	require.Equal(t, 4.0, testing.AllocsPerRun(100, func() { Default{}.UnmarshalRaw(body, 0, own) }))
	raw := own + "name\x01OrderPlaced\x02correlation_id\x011234\x02published_at\x012026-11-29\x02"
	require.Equal(t, 5.0, testing.AllocsPerRun(100, func() { Default{}.UnmarshalRaw(body, 0, raw) }))
	list := ParseProperties(raw)
	require.Equal(t, 5.0, testing.AllocsPerRun(100, func() { _, _ = Default{}.Unmarshal("topic", Message{Body: body, Properties: list}) }))
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { ParseProperties(raw) }))
}

func TestUnmarshalPayload(t *testing.T) {
	for _, payload := range []message.Payload{nil, {}, message.Payload(" "), message.Payload("x")} {
		sent, err := Default{}.Marshal("topic", message.NewMessage("u", payload))
		require.NoError(t, err)
		require.NotEmpty(t, sent.Body)
		got, err := Default{}.Unmarshal("topic", sent)
		require.NoError(t, err)
		require.Equal(t, payload, got.Payload)
		require.Equal(t, payload == nil, got.Payload == nil)
	}
}

// A message from Unmarshal is a whole one: it can be acknowledged.
func TestUnmarshalAck(t *testing.T) {
	got, err := Default{}.Unmarshal("topic", Message{Body: []byte("x")})
	require.NoError(t, err)
	require.True(t, got.Ack())
	<-got.Acked()
}

func BenchmarkUnmarshal(b *testing.B) {
	msg := newMessage(testUUID, []byte("hello"), "correlation_id", "1234", "name", "OrderCreated", "published_at", "2025-01-01T00:00:00Z")
	sent, err := Default{}.Marshal("topic", msg)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Default{}).Unmarshal("topic", sent); err != nil {
			b.Fatal(err)
		}
	}
}

package marshaler

import (
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const testUUID = "0b6d1a9e-7c0f-4e57-9f62-0a6b0b8f3a11"

func newMessage(uuid string, payload []byte, metadata ...string) *message.Message {
	msg := message.NewMessage(uuid, payload)
	for i := 0; i < len(metadata); i += 2 {
		msg.Metadata[metadata[i]] = metadata[i+1]
	}
	return msg
}

// props builds properties from names and values in turn.
func props(namesAndValues ...string) []headers.Property {
	var out []headers.Property
	for i := 0; i < len(namesAndValues); i += 2 {
		out = append(out, headers.Property{Name: namesAndValues[i], Value: namesAndValues[i+1]})
	}
	return out
}

func TestMarshal(t *testing.T) {
	tests := []struct {
		name  string
		msg   *message.Message
		body  string
		props []headers.Property
	}{
		{
			"plain", newMessage(testUUID, []byte("hello"), "b", "2", "a", "é 1"), "hello",
			props("_watermill_message_uuid", testUUID, "KEYS", testUUID, "a", "é 1", "b", "2"),
		},
		{
			"nil metadata", &message.Message{UUID: "u", Payload: []byte("x")}, "x",
			props("_watermill_message_uuid", "u", "KEYS", "u"),
		},
		{
			"no uuid", newMessage("", []byte("x")), "x",
			props("_wm_uuid", "%"),
		},
		{
			"uuid with spaces and percents", newMessage("a b%c\x00\x7fé", []byte("x")), "x",
			props("_watermill_message_uuid", "a b%c\x00\x7fé", "KEYS", "a%20b%25c%00%7Fé"),
		},
		{
			"uuid with separators", newMessage("a\x01b\x02%", []byte("x")), "x",
			props("_wm_uuid", "a%01b%02%25", "KEYS", "a%01b%02%25"),
		},
		{
			"uuid is not UTF-8", newMessage("a\xffb", []byte("x")), "x",
			props("_wm_uuid", "a%FFb", "KEYS", "a%FFb"),
		},
		{
			"nil payload", newMessage("u", nil), " ",
			props("_watermill_message_uuid", "u", "KEYS", "u", "_wm_payload", "nil"),
		},
		{
			"empty payload", newMessage("u", []byte{}), " ",
			props("_watermill_message_uuid", "u", "KEYS", "u", "_wm_payload", "empty"),
		},
		{
			"payload of one space", newMessage("u", []byte(" ")), " ",
			props("_watermill_message_uuid", "u", "KEYS", "u"),
		},
		{
			"metadata that does not fit",
			newMessage("u", []byte("x"), "", "no name", "empty", "", "s\x01", "v", "v", "a\x02b%", "bad", "\xc3", "ok%41", "50%"), "x",
			props("_watermill_message_uuid", "u", "KEYS", "u",
				"_wm_m_%", "no name", "_wm_m_bad", "%C3", "_wm_m_empty", "%", "_wm_m_s%01", "v", "_wm_m_v", "a%02b%25",
				"ok%41", "50%"),
		},
		{
			"metadata with names of ours",
			newMessage("u", []byte("x"), "_wm_", "1", "_wm_m_x", "2", "_wm_payload", "nil", "_wm", "4", "_watermill_delayed_until", "5"), "x",
			props("_watermill_message_uuid", "u", "KEYS", "u", "_watermill_delayed_until", "5", "_wm", "4",
				"_wm_m__wm_", "1", "_wm_m__wm_m_x", "2", "_wm_m__wm_payload", "nil"),
		},
		{
			"metadata with names of RocketMQ's",
			newMessage("u", []byte("x"), "UNIQ_KEY", "1", "DELAY", "3", "TAGS", "t%", "__RMQ.TRANSIENT.X", "4", "keys", "5"), "x",
			props("_watermill_message_uuid", "u", "KEYS", "u",
				"_wm_m_DELAY", "3", "_wm_m_TAGS", "t%25", "_wm_m_UNIQ_KEY", "1", "_wm_m___RMQ.TRANSIENT.X", "4", "keys", "5"),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := tt.msg.Copy()
			got, err := Default{}.Marshal("topic", tt.msg)
			require.NoError(t, err)
			require.Equal(t, tt.body, string(got.Body))
			require.Equal(t, tt.props, got.Properties)
			for _, p := range got.Properties {
				require.NoError(t, p.Check())
			}
			require.True(t, before.Equals(tt.msg), "the message was changed")

			again, err := Default{}.Marshal("topic", tt.msg)
			require.NoError(t, err)
			require.Equal(t, got, again)
		})
	}
}

func TestMarshalAliasesPayload(t *testing.T) {
	msg := newMessage("u", []byte("x"))
	got, err := Default{}.Marshal("topic", msg)
	require.NoError(t, err)
	require.Same(t, &msg.Payload[0], &got.Body[0])
}

// Metadata that has the name under which the UUID travels is data, as when a message of
// another Pub/Sub still has it: refused, it could not be put into a poison queue either.
func TestMetadataNamedLikeTheUUID(t *testing.T) {
	for value, escaped := range map[string]string{"": "%", "x": "x"} {
		msg := newMessage("u", []byte("x"), "_watermill_message_uuid", value)
		sent, err := Default{}.Marshal("topic", msg)
		require.NoError(t, err)
		require.Equal(t, props("_watermill_message_uuid", "u", "KEYS", "u", "_wm_m__watermill_message_uuid", escaped), sent.Properties)
		got, err := Default{}.Unmarshal("topic", sent)
		require.NoError(t, err)
		require.True(t, msg.Equals(got), "%v", got)
	}
}

func TestCheckPropertiesSize(t *testing.T) {
	// The UUID, KEYS and UNIQ_KEY with its 32 digits.
	fixed := len("_watermill_message_uuid.u.") + len("KEYS.u.") + len("UNIQ_KEY..") + 32
	for _, tt := range []struct{ limit, room int }{{0, 32000}, {-1, 32000}, {1000, 1000}} {
		fits := strings.Repeat("x", tt.room-fixed-len("k.."))
		got, err := Default{}.Marshal("topic", newMessage("u", []byte("x"), "k", fits))
		require.NoError(t, err)
		require.Equal(t, tt.room, PropertiesSize(got.Properties))
		require.NoError(t, CheckPropertiesSize(got.Properties, tt.limit))

		got, err = Default{}.Marshal("topic", newMessage("u", []byte("x"), "k", fits+"x"))
		require.NoError(t, err)
		var tooLarge *PropertiesTooLargeError
		require.ErrorAs(t, CheckPropertiesSize(got.Properties, tt.limit), &tooLarge)
		require.Equal(t, PropertiesTooLargeError{Size: tt.room + 1, Limit: tt.room}, *tooLarge)
		require.ErrorContains(t, tooLarge, "metadata")
	}
}

func TestPropertiesSize(t *testing.T) {
	list := props("KEYS", "a", "é", "b")
	raw := headers.AppendProperty(nil, "UNIQ_KEY", strings.Repeat("0", 32))
	require.Len(t, raw, PropertiesSize(nil))
	for _, p := range list {
		raw = headers.AppendProperty(raw, p.Name, p.Value)
	}
	require.Len(t, raw, PropertiesSize(list))

	long := append(list, headers.Property{Name: "UNIQ_KEY", Value: strings.Repeat("0", 56)})
	require.Equal(t, PropertiesSize(list)+24, PropertiesSize(long), "an id that is there is counted as it is")
}

// Room for what a producer appends means that appending does not copy.
func TestMarshalLeavesRoom(t *testing.T) {
	got, err := Default{}.Marshal("topic", newMessage("", nil, "a", "b"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, cap(got.Properties)-len(got.Properties), 2)
}

func TestMarshalAllocations(t *testing.T) {
	msg := newMessage(testUUID, []byte("hello"), "correlation_id", "1234", "name", "OrderCreated", "published_at", "2025-01-01T00:00:00Z")
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() {
		if _, err := (Default{}).Marshal("topic", msg); err != nil {
			t.Fatal(err)
		}
	}))
}

func TestReserved(t *testing.T) {
	for _, name := range []string{"KEYS", "TAGS", "UNIQ_KEY", "MIN_OFFSET", "__CRC32#", "_SYS_MSG_PRIORITY_", "__RMQ.TRANSIENT.", "__RMQ.TRANSIENT.TOPIC_SYS_FLAG"} {
		require.True(t, Reserved(name), name)
	}
	for _, name := range []string{"", "keys", " ", "K", "T", "traceparent", "KEYS ", "__RMQ.TRANSIENT", "_watermill_message_uuid", "_wm_uuid"} {
		require.False(t, Reserved(name), name)
	}
	// What the headers package has a name for.
	for _, name := range []string{
		headers.PropertyKeys, headers.PropertyTags, headers.PropertyWait, headers.PropertyDelayLevel, headers.PropertyUniqueKey,
		headers.PropertyTransaction, headers.PropertyProducerGroup, headers.PropertyShardingKey, headers.PropertyReconsumeTime,
		headers.PropertyMaxReconsumeTime,
	} {
		require.True(t, Reserved(name), name)
	}
}

func BenchmarkMarshal(b *testing.B) {
	msg := newMessage(testUUID, []byte("hello"), "correlation_id", "1234", "name", "OrderCreated", "published_at", "2025-01-01T00:00:00Z")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (Default{}).Marshal("topic", msg); err != nil {
			b.Fatal(err)
		}
	}
}

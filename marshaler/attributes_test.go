package marshaler

import (
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestAttributes(t *testing.T) {
	msg := newMessage("u v", []byte("x"), "z", "1", MetadataTag, "paid twice", MetadataKeys, "order-1 u%20v", MetadataFlag, "-2147483648", "TAGS", "data")
	sent, err := Default{}.Marshal("topic", msg)
	require.NoError(t, err)
	require.Equal(t, Message{
		Body: []byte("x"),
		Flag: -2147483648,
		Properties: props("_watermill_message_uuid", "u v", "KEYS", "u%20v order-1 u%20v", "TAGS", "paid twice",
			"_wm_m_TAGS", "data", "z", "1"),
	}, sent)
	got, err := Default{}.Unmarshal("topic", sent)
	require.NoError(t, err)
	require.True(t, msg.Equals(got), "%v", got.Metadata)
}

func TestAttributesOfAMessageWithoutUUID(t *testing.T) {
	msg := newMessage("", []byte("x"), MetadataKeys, "k1 k2")
	sent, err := Default{}.Marshal("topic", msg)
	require.NoError(t, err)
	require.Equal(t, props("_wm_uuid", "%", "KEYS", "k1 k2"), sent.Properties)
	got, err := Default{}.Unmarshal("topic", sent)
	require.NoError(t, err)
	require.Equal(t, msg.Metadata, got.Metadata)
}

// Attributes that are empty are none, so that a handler may set them always.
func TestEmptyAttributes(t *testing.T) {
	sent, err := Default{}.Marshal("topic", newMessage("u", []byte("x"), MetadataTag, "", MetadataKeys, "", MetadataFlag, ""))
	require.NoError(t, err)
	require.Equal(t, props("_watermill_message_uuid", "u", "KEYS", "u"), sent.Properties)
	require.Zero(t, sent.Flag)
}

func TestBadAttributes(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reason error
		values []string
	}{
		{MetadataTag, ErrIllegalTag, []string{"*", "a|b", "a||b", "|", " a", "a ", "a\n", "\x00a", "a\u3000", " ", "a\x01b", "a\xff"}},
		{MetadataKeys, ErrIllegalKeys, []string{" ", " k", "k ", "k1  k2", "k\x02", "k\xff"}},
		{MetadataFlag, ErrIllegalFlag, []string{"2147483648", "-2147483649", "1.0", "0x1", " 1", "one", "1\xff"}},
	} {
		for _, value := range tt.values {
			_, err := Default{}.Marshal("topic", newMessage("u", []byte("x"), tt.name, value))
			require.ErrorIs(t, err, tt.reason, "%q", value)
			var metadata *MetadataError
			require.ErrorAs(t, err, &metadata)
			require.Equal(t, tt.name, metadata.Name)
			require.ErrorContains(t, err, tt.name)
		}
	}
}

func TestJoinKeys(t *testing.T) {
	keys, err := JoinKeys("order-1", "Größe", "a%b")
	require.NoError(t, err)
	require.Equal(t, "order-1 Größe a%b", keys)
	keys, err = JoinKeys()
	require.NoError(t, err)
	require.Empty(t, keys)
	for _, bad := range []string{"", "a b", " ", "\x01", "\xff"} {
		_, err := JoinKeys("fine", bad)
		require.ErrorIs(t, err, ErrIllegalKeys, "%q", bad)
	}
	_, err = JoinKeys("a b")
	require.EqualError(t, err, `marshaler: metadata "_wm_keys" of "a b": `+ErrIllegalKeys.Error())
}

// What a foreign producer has set comes back if it can be published again.
func TestForeignAttributes(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   Message
		want message.Metadata
	}{
		{"all", Message{Flag: 7, Properties: props("TAGS", "t", "KEYS", "a b", "UNIQ_KEY", "1")}, message.Metadata{MetadataTag: "t", MetadataKeys: "a b", MetadataFlag: "7"}},
		{"a tag nobody can name", Message{Properties: props("TAGS", "a|b")}, message.Metadata{}},
		{"keys set apart by many spaces", Message{Properties: props("KEYS", "  a   b ")}, message.Metadata{MetadataKeys: "a b"}},
		{"no key at all", Message{Properties: props("KEYS", "   ")}, message.Metadata{}},
		{"the first key is the id by chance", Message{Properties: props("KEYS", "1 2", "UNIQ_KEY", "1")}, message.Metadata{MetadataKeys: "1 2"}},
		{
			"properties that have our names",
			Message{Properties: props("_wm_tag", "t", "_wm_keys", "k", "_wm_flag", "f", "_wm_m__wm_tag", "t")},
			message.Metadata{"_wm_m__wm_tag": "t"},
		},
		{"keys that begin like the UUID", Message{Properties: props("_watermill_message_uuid", "u", "KEYS", "u2 u")}, message.Metadata{MetadataKeys: "u2 u"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.in.Body = []byte("x")
			got, err := Default{}.Unmarshal("topic", tt.in)
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Metadata)
			checkRoundTrip(t, got, 1)
		})
	}
}

// A message without keys of its own costs nothing more.
func TestAttributesMakeNoGarbage(t *testing.T) {
	msg := newMessage(testUUID, []byte("x"), MetadataTag, "paid", MetadataFlag, "7")
	room := make([]headers.Property, 0, 8)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := (Default{}).AppendMarshal(room, "topic", msg); err != nil {
			t.Fatal(err)
		}
	}))
}

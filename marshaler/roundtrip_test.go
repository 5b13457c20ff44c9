package marshaler

import (
	"bytes"
	"errors"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// throughBroker writes the properties as a producer does and returns what a
// consumer reads after a broker has had them. The broker is a stricter one than
// any: it splits as 4.9.7 and older clients do, drops what they drop, replaces
// bytes that are not UTF-8, changes the order, and adds properties of its own.
func throughBroker(t testing.TB, list []headers.Property, seed uint64) []headers.Property {
	t.Helper()
	var raw []byte
	for _, p := range list {
		require.NoError(t, p.Check())
		raw = headers.AppendProperty(raw, p.Name, p.Value)
	}
	raw = headers.AppendProperty(raw, headers.PropertyUniqueKey, strings.Repeat("A", 32))
	require.True(t, utf8.Valid(raw))
	require.Len(t, raw, PropertiesSize(list))

	stored := map[string]string{"CLUSTER": "c", "MSG_REGION": "r", "TRACE_ON": "true", "MIN_OFFSET": "0"}
	for entry := range strings.SplitSeq(string(raw), "\x02") {
		parts := strings.Split(entry, "\x01")
		if len(parts) == 2 && parts[0] != "" && parts[1] != "" {
			stored[parts[0]] = parts[1]
		}
	}
	require.Len(t, stored, len(list)+5, "a property was lost, or two have one name")

	var entries []headers.Property
	for name, value := range stored {
		entries = append(entries, headers.Property{Name: name, Value: value})
	}
	r := rand.New(rand.NewPCG(seed, 0))
	r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	raw = raw[:0]
	for _, p := range entries {
		raw = headers.AppendProperty(raw, p.Name, p.Value)
	}
	if seed%2 == 0 {
		raw = raw[:len(raw)-1] // 4.9.7 leaves out the last separator
	}

	var out []headers.Property
	for name, value := range headers.Properties(raw) {
		out = append(out, headers.Property{Name: string(name), Value: string(value)})
	}
	return out
}

func checkRoundTrip(t testing.TB, msg *message.Message, seed uint64) {
	t.Helper()
	sent, err := Default{}.Marshal("topic", msg)
	if err != nil {
		requireMarshalError(t, msg, err)
		return
	}
	require.NotEmpty(t, sent.Body)
	received := Message{Body: sent.Body, Properties: throughBroker(t, sent.Properties, seed), Flag: sent.Flag}
	got, err := Default{}.Unmarshal("topic", received)
	require.NoError(t, err)
	require.Equal(t, msg.UUID, got.UUID)
	want := canonical(msg.Metadata)
	require.Equal(t, len(want), len(got.Metadata))
	for name, value := range want {
		back, ok := got.Metadata[name]
		require.True(t, ok, "metadata %q is gone", name)
		require.Equal(t, value, back)
	}
	require.True(t, bytes.Equal(msg.Payload, got.Payload))
	require.Equal(t, msg.Payload == nil, got.Payload == nil)
}

// canonical returns metadata as it comes back: an empty attribute is none, as is
// the flag 0, and the flag is written in one way.
func canonical(metadata message.Metadata) message.Metadata {
	want := maps.Clone(metadata)
	for _, name := range []string{MetadataTag, MetadataKeys, MetadataFlag} {
		if want[name] == "" {
			delete(want, name)
		}
	}
	if flag, err := strconv.Atoi(want[MetadataFlag]); err == nil {
		want[MetadataFlag] = strconv.Itoa(flag)
		if flag == 0 {
			delete(want, MetadataFlag)
		}
	}
	return want
}

// requireMarshalError fails unless err is the one that msg deserves.
func requireMarshalError(t testing.TB, msg *message.Message, err error) {
	t.Helper()
	var tooLarge *PropertiesTooLargeError
	var metadata *MetadataError
	switch {
	case errors.As(err, &metadata):
		require.True(t, isAttribute(metadata.Name), metadata.Name)
		require.NotEmpty(t, msg.Metadata[metadata.Name])
	default:
		require.ErrorAs(t, err, &tooLarge)
		require.Greater(t, tooLarge.Size, tooLarge.Limit)
	}
}

func TestRoundTripAnyMessage(t *testing.T) {
	check := func(uuid []byte, names, values [][]byte, payload []byte, seed uint64) bool {
		msg := message.NewMessage(string(uuid), payload)
		for i, name := range names {
			var value []byte
			if i < len(values) {
				value = values[i]
			}
			msg.Metadata[string(name)] = string(value)
		}
		checkRoundTrip(t, msg, seed)
		return true
	}
	require.NoError(t, quick.Check(check, &quick.Config{MaxCount: 300}))
}

// Each name that is special on one side or the other, with each awkward value.
func TestRoundTripAwkwardMetadata(t *testing.T) {
	names := []string{
		"", " ", "%", "%25", "KEYS", "TAGS", "UNIQ_KEY", "DELAY", "TRAN_MSG", "INNER_NUM", "MIN_OFFSET", "__RMQ.TRANSIENT.", "CLUSTER",
		"_wm_", "_wm_uuid", "_wm_topic", "_wm_payload", "_wm_m_", "_wm_m_%", "_wm_m_KEYS", "_wm_m__wm_m_KEYS",
		MetadataTag, MetadataKeys, MetadataFlag, "_wm_m__wm_tag",
		"_watermill_delayed_until", "\x01", "\x02", "\xff", "\xc3\xa9", "\xc3", "日本", "\x00",
	}
	values := []string{"", "%", "%25", "%FF", "\x01", "\x02", "\xff", "a\x01b\x02c", "é", "true", " ", "\xc3", "nil", "a b", "7"}
	all := message.NewMessage("u", nil)
	for i, name := range names {
		for j, value := range values {
			msg := message.NewMessage(name, []byte(value))
			msg.Metadata[name] = value
			checkRoundTrip(t, msg, uint64(i*j))
		}
		if !isAttribute(name) {
			all.Metadata[name] = values[i%len(values)]
		}
	}
	for seed := range uint64(20) {
		checkRoundTrip(t, all, seed)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("u", "name", "value", "other", "", []byte("payload"), false, uint64(1))
	f.Add("", "", "", "KEYS", "k", []byte{}, true, uint64(2))
	f.Add("a b%\x01\xff", "_wm_m_x", "%41", "x", "\x02", []byte(" "), false, uint64(3))
	f.Add("\x00", "_watermill_message_uuid", "x", "_wm_uuid", "%", []byte{}, false, uint64(4))
	f.Add("é", "UNIQ_KEY", "\xc3\xa9", "_wm_m_UNIQ_KEY", "\xc3", []byte{0}, false, uint64(5))
	f.Add("u v", "_wm_tag", "a b", "_wm_keys", "u%20v k", []byte("x"), false, uint64(6))
	f.Add("u", "_wm_flag", "-007", "_wm_keys", " k", []byte("x"), false, uint64(7))
	f.Fuzz(func(t *testing.T, uuid, name1, value1, name2, value2 string, payload []byte, nilPayload bool, seed uint64) {
		msg := message.NewMessage(uuid, payload)
		if nilPayload {
			msg.Payload = nil
		}
		msg.Metadata[name1] = value1
		msg.Metadata[name2] = value2
		checkRoundTrip(t, msg, seed)
	})
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte("_watermill_message_uuid\x01u\x02KEYS\x01u\x02a\x01b"), []byte("x"))
	f.Add([]byte("_wm_uuid\x01%\x02_wm_m_%FF\x01%\x02_wm_m_%\x01%%\x02_wm_payload\x01nil\x02"), []byte(" "))
	f.Add([]byte("_wm_m_a\x01b\x02a\x01c\x02a\x01d\x02UNIQ_KEY\x01e"), []byte{})
	f.Add([]byte("TAGS\x01 a|b\x02KEYS\x01 u  k \x02_watermill_message_uuid\x01u\x02_wm_flag\x017\x02_wm_m__wm_tag\x01x\x02"), []byte("x"))
	f.Fuzz(func(t *testing.T, raw, body []byte) {
		var list []headers.Property
		for name, value := range headers.Properties(raw) {
			list = append(list, headers.Property{Name: string(name), Value: string(value)})
		}
		require.LessOrEqual(t, len(list), mostProperties(string(raw)))
		got, err := Default{}.Unmarshal("topic", Message{Body: body, Properties: list})
		require.NoError(t, err)
		requireSameRaw(t, got, Message{Body: body, Properties: list})
		// What was received can be published again, and arrives unchanged.
		checkRoundTrip(t, got, uint64(len(raw)))
	})
}

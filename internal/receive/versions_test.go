package receive

import (
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// kept is a message that a version has stored, and what it was.
type kept struct {
	// What was published, escaped as in the query of a URL, since JSON has no texts that are
	// not UTF-8.
	Topic    string
	UUID     string
	Metadata map[string]string
	Payload  *string // nil is no payload
	// Stored is what a broker sends of it, in hexadecimal digits.
	Stored string
}

// TestStoredByVersions: what each version has stored is read as what it was, and its topics
// have the names that they had. The files are never changed; STORED=v0.2.0 adds that of a
// new version.
func TestStoredByVersions(t *testing.T) {
	const folder = "testdata/stored"
	if version := os.Getenv("STORED"); version != "" {
		keep(t, filepath.Join(folder, version+".json"))
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var messages []kept
			require.NoError(t, json.Unmarshal(text, &messages))
			require.NotEmpty(t, messages)
			for _, k := range messages {
				requireKept(t, k)
			}
		})
	}
}

func requireKept(t *testing.T, k kept) {
	t.Helper()
	raw, err := hex.DecodeString(k.Stored)
	require.NoError(t, err)
	m, rest, err := Parse(raw)
	require.NoError(t, err)
	require.Empty(t, rest)
	topic, err := url.QueryUnescape(k.Topic)
	require.NoError(t, err)
	mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
	require.NoError(t, err)
	require.Equal(t, m.Stored.Topic, mapped.Name)
	room := NewRoom(1 << 20)
	taken, err := room.Unpack(t.Context(), &m)
	require.NoError(t, err)
	defer room.Leave(taken)
	got := Reader{Topics: marshaler.EscapeTopics{}}.Read(m.Stored.Topic, &m)
	require.NoError(t, got.TopicErr)
	require.NoError(t, got.UnmarshalErr)
	k.Stored = ""
	require.Equal(t, k, toBeKept(got.Topic, got.Message))
}

// toBeKept returns a message as a file has it.
func toBeKept(topic string, msg *message.Message) kept {
	k := kept{Topic: url.QueryEscape(topic), UUID: url.QueryEscape(msg.UUID), Metadata: make(map[string]string)}
	for name, value := range msg.Metadata {
		k.Metadata[url.QueryEscape(name)] = url.QueryEscape(value)
	}
	if msg.Payload != nil {
		text := url.QueryEscape(string(msg.Payload))
		k.Payload = &text
	}
	return k
}

// toKeep is one message of each form that something is stored in.
func toKeep() []publishable {
	text := strings.Repeat("two pizzas ", 40)
	pack := func(c body.Compression) *body.Compression { return &c }
	return []publishable{
		{"orders", "5f1d7e9a-8d4b-4c6e-9f27-2f8b6c1d3e5a", message.Metadata{"name": "OrderPlaced"}, []byte("two pizzas"), nil},
		{"orders", "1", message.Metadata{}, nil, nil},
		{"orders", "1", message.Metadata{}, []byte{}, nil},
		{"orders", "", message.Metadata{}, []byte{0, 1, 2, 255}, nil},
		{"orders", "a\x01b\x02c\xff", message.Metadata{}, []byte("x"), nil},
		{"orders", "1", message.Metadata{
			"empty": "", "": "of no name", "a\x01b": "c\x02d", "not UTF-8": "\xff", "TAGS": "data", "_wm_uuid": "data",
			"_watermill_message_uuid": "data", "ключ": "значение", "with space": " x ",
		}, []byte("x"), nil},
		{"orders", "1", message.Metadata{
			marshaler.MetadataTag: "paid", marshaler.MetadataKeys: "order-1 order-2", marshaler.MetadataFlag: "-7",
		}, []byte("x"), nil},
		{"shop-eu.orders", "1", message.Metadata{}, []byte("x"), nil},
		{"заказы/" + strings.Repeat("long.", 30), "1", message.Metadata{}, []byte("x"), nil},
		{"orders", "1", message.Metadata{}, []byte(text), pack(body.Zlib)},
		{"orders", "1", message.Metadata{}, []byte(text), pack(body.LZ4)},
		{"orders", "1", message.Metadata{}, []byte(text), pack(body.Zstd)},
	}
}

// publishable is a message to publish.
type publishable struct {
	topic, uuid string
	metadata    message.Metadata
	payload     []byte
	compression *body.Compression // nil is none
}

// keep writes the file of a version, which must not be there.
func keep(t *testing.T, path string) {
	t.Helper()
	var messages []kept
	for _, p := range toKeep() {
		msg := message.NewMessage(p.uuid, p.payload)
		msg.Metadata = p.metadata
		k := toBeKept(p.topic, msg)
		k.Stored = hex.EncodeToString(p.stored(t, msg))
		messages = append(messages, k)
	}
	text, err := json.MarshalIndent(messages, "", "\t")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	require.NoError(t, err)
	_, err = file.Write(append(text, '\n'))
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

// stored returns what a 5.x broker sends of it.
func (p *publishable) stored(t *testing.T, msg *message.Message) []byte {
	t.Helper()
	mapped, err := marshaler.EscapeTopics{}.MapTopic(p.topic)
	require.NoError(t, err)
	made, err := marshaler.Default{}.Marshal(p.topic, msg)
	require.NoError(t, err)
	m := body.StoredMessage{Topic: mapped.Name, Flag: made.Flag, Body: made.Body, QueueID: 3, QueueOffset: 7, BornTimestamp: 1795443880550}
	if p.compression != nil {
		z, err := body.NewCompressor(*p.compression, 0)
		require.NoError(t, err)
		m.SysFlag = z.SysFlag()
		m.Body, err = z.Compress(nil, made.Body)
		require.NoError(t, err)
	}
	list := append([]headers.Property{{Name: "UNIQ_KEY", Value: "7F00000100002A9F00000000000003E8"}}, made.Properties...)
	if mapped.Property.Name != "" {
		list = append(list, mapped.Property)
	}
	for _, property := range append(list, headers.Property{Name: "CLUSTER", Value: "DefaultCluster"}) {
		m.Properties = headers.AppendProperty(m.Properties, property.Name, property.Value)
	}
	raw, err := body.AppendStored(nil, &m)
	require.NoError(t, err)
	return raw
}

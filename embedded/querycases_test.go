package embedded_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// keyed stores a message with properties.
func (w *popWorld) keyed(content string, pairs ...string) {
	w.t.Helper()
	h := &headers.SendMessage{
		ProducerGroup: "producers", Topic: w.topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4,
		BornTimestamp: time.Now().UnixMilli(),
	}
	with(pairs...)(h)
	w.succeed(h, []byte(content))
}

// find queries by a key, from the first message on.
func (w *popWorld) find(key string, change ...func(h *headers.QueryMessage)) []string {
	w.t.Helper()
	h := &headers.QueryMessage{Topic: w.topic, Key: key, MaxMessages: 32, End: math.MaxInt64}
	for _, f := range change {
		f(h)
	}
	answer := w.call(h, nil)
	if headers.ResponseCode(answer.Code) == headers.QueryNotFound {
		return nil
	}
	require.NoError(w.t, answer.Err())
	return bodies(w.t, answer)
}

// TestKeys runs what messages are found by (IndexService.buildIndex and queryOffset) on
// embedded and real brokers.
func TestKeys(t *testing.T) {
	runCases(t, pullVersions(), []brokerCase{
		{name: "what messages are found by", run: func(w *popWorld) {
			w.keyed("1", "UNIQ_KEY", "ID1"+w.topic, "KEYS", "red one")
			w.keyed("2", "UNIQ_KEY", "ID2"+w.topic, "KEYS", "red  two ", "TAGS", "blue")
			w.keyed("3", "UNIQ_KEY", "ID3"+w.topic, "KEYS", "twice red twice")
			w.keyed("4", "UNIQ_KEY", "ID4"+w.topic, "KEYS", "ID4"+w.topic)
			w.keyed("5", "UNIQ_KEY", "ID5"+w.topic, "KEYS", "größe", "KEYS", "last")
			w.keyed("6", "UNIQ_KEY", "ID6"+w.topic, "KEYS", " ")
			w.keyed("7", "UNIQ_KEY", "ID7"+w.topic, "KEYS", "ключ 😀", "EMPTY", "")
			w.eventually(func() bool { return w.find("ID7"+w.topic) != nil }) // real brokers index later
			require.Equal(w.t, []string{"1", "2", "3"}, w.find("red"), "in the order of the log")
			require.Equal(w.t, []string{"2"}, w.find("two"))
			require.Equal(w.t, []string{"3", "3"}, w.find("twice"), "as often as the message has the key")
			require.Equal(w.t, []string{"4", "4"}, w.find("ID4"+w.topic), "an id and a key are one")
			require.Equal(w.t, []string{"5"}, w.find("last"))
			require.Nil(w.t, w.find("größe"), "of two properties of a name the last one counts")
			require.Equal(w.t, []string{"7"}, w.find("😀"))
			require.Nil(w.t, w.find(" "), "an empty word is no key")
			require.Nil(w.t, w.find("blue"), "a tag is no key")
			require.Nil(w.t, w.find("re"))
		}},
		{name: "how much is found", run: func(w *popWorld) {
			for _, content := range []string{"1", "2", "3", "4"} {
				w.keyed(content, "UNIQ_KEY", content+w.topic, "KEYS", "red")
			}
			w.eventually(func() bool { return len(w.find("red")) == 4 })
			require.Equal(w.t, []string{"3", "4"}, w.find("red", func(h *headers.QueryMessage) { h.MaxMessages = 2 }), "the newest ones")
			require.Nil(w.t, w.find("red", func(h *headers.QueryMessage) { h.MaxMessages = 0 }))
			require.Equal(w.t, []string{"2"}, w.find("2"+w.topic, func(h *headers.QueryMessage) { h.UniqueKey, h.MaxMessages = true, 0 }))
			later := time.Now().Add(time.Hour).UnixMilli()
			require.Nil(w.t, w.find("red", func(h *headers.QueryMessage) { h.Begin = later }))
			require.Nil(w.t, w.find("red", func(h *headers.QueryMessage) { h.End = 1 }))
			require.Nil(w.t, w.find("red", func(h *headers.QueryMessage) { h.Topic = "another" }))
			for range 70 {
				w.keyed("x", "KEYS", "often")
			}
			w.eventually(func() bool {
				return len(w.find("often", func(h *headers.QueryMessage) { h.MaxMessages = 1000 })) == 64
			})
		}},
		{name: "tags are found from 5.4.0 on", run: func(w *popWorld) {
			w.keyed("1", "UNIQ_KEY", "ID1"+w.topic, "TAGS", "blue")
			w.keyed("2", "UNIQ_KEY", "ID2"+w.topic)
			w.eventually(func() bool { return w.find("ID2"+w.topic) != nil })
			byTag := func(h *headers.QueryMessage) { h.ByTag = true }
			if w.version < headers.Version5_5_0 {
				require.Nil(w.t, w.find("blue", byTag))
				require.Nil(w.t, w.find("T#blue"))
				return
			}
			require.Equal(w.t, []string{"1"}, w.find("blue", byTag))
			require.Equal(w.t, []string{"1"}, w.find("T#blue"))
			require.Nil(w.t, w.find("ID1"+w.topic, byTag))
		}},
	})
}

package marshaler

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func requireTopicError(t testing.TB, err error, topic string, reason error) {
	t.Helper()
	var topicErr *TopicError
	require.ErrorAs(t, err, &topicErr)
	require.Equal(t, topic, topicErr.Topic)
	require.ErrorIs(t, err, reason)
}

func TestCheckTopicName(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name   string
		reason error
	}{
		{"a", nil},
		{"Az09_-%|", nil},
		{"MQ_INST_1%orders", nil},
		{long(127), nil},
		{"%RETRY%group", nil},
		{"%DLQ%" + long(250), nil},
		{"%RETRY%" + long(248), nil},
		{"TBW1022", nil},
		{"rmq_sys", nil},
		{"", ErrTopicEmpty},
		{" ", ErrTopicIllegal},
		{"a.b", ErrTopicIllegal},
		{"a/b", ErrTopicIllegal},
		{"é", ErrTopicIllegal},
		{"a\x00", ErrTopicIllegal},
		{"%RETRY%g+t", ErrTopicIllegal},
		{long(128), ErrTopicTooLong},
		{"%DLQ%" + long(251), ErrTopicTooLong},
		{"%RETRY" + long(122), ErrTopicTooLong},
		{"TBW102", ErrTopicReserved},
		{"SCHEDULE_TOPIC_XXXX", ErrTopicReserved},
		{"BenchmarkTest", ErrTopicReserved},
		{"TRANS_CHECK_MAX_TIME_TOPIC", ErrTopicReserved},
		{"SELF_TEST_TOPIC", ErrTopicReserved},
		{"OFFSET_MOVED_EVENT", ErrTopicReserved},
		{"CHECKPOINT_TOPIC", ErrTopicReserved},
		{"RMQ_SYS_TRANS_HALF_TOPIC", ErrTopicReserved},
		{"RMQ_SYS_TRACE_TOPIC", ErrTopicReserved},
		{"RMQ_SYS_TRANS_OP_HALF_TOPIC", ErrTopicReserved},
		{"RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", ErrTopicReserved},
		{"rmq_sys_wheel_timer", ErrTopicReserved},
	} {
		err := CheckTopicName(tt.name)
		mapped, mapErr := PlainTopics{}.MapTopic(tt.name)
		if tt.reason == nil && isRetryOrDeadLetter(tt.name) {
			require.NoError(t, err, tt.name)
			requireTopicError(t, mapErr, tt.name, ErrTopicReserved)
			continue
		}
		if tt.reason == nil {
			require.NoError(t, err, tt.name)
			require.NoError(t, mapErr, tt.name)
			require.Equal(t, MappedTopic{Name: tt.name}, mapped)
			back, err := PlainTopics{}.UnmapTopic(tt.name, nil)
			require.NoError(t, err)
			require.Equal(t, tt.name, back)
			continue
		}
		requireTopicError(t, err, tt.name, tt.reason)
		mapReason := tt.reason
		if isRetryOrDeadLetter(tt.name) {
			mapReason = ErrTopicReserved
		}
		requireTopicError(t, mapErr, tt.name, mapReason)
		require.Zero(t, mapped)
	}
}

func TestEscapeTopics(t *testing.T) {
	for topic, want := range map[string]string{
		"orders":                 "orders",
		"orders-eu_1":            "orders-eu_1",
		"ns%orders|x":            "ns%orders|x",
		"_wm":                    "_wm",
		"rmq_sys":                "rmq_sys",
		strings.Repeat("x", 127): strings.Repeat("x", 127),
		"example.topic":          "_wm_example-2Etopic",
		"a/b-c%d e":              "_wm_a-2Fb--c-25d-20e",
		"events.OrderPlaced":     "_wm_events-2EOrderPlaced",
		"é":                      "_wm_-C3-A9",
		"\xff\x00":               "_wm_-FF-00",
		"_wm_":                   "_wm__wm_",
		"_wm_a":                  "_wm__wm_a",
		".h0123":                 "_wm_-2Eh0123",
		"-.h":                    "_wm_---2Eh",
		" ":                      "_wm_-20",
		// 123 bytes escaped, the most that fits.
		strings.Repeat("x", 120) + ".": "_wm_" + strings.Repeat("x", 120) + "-2E",
	} {
		got, err := EscapeTopics{}.MapTopic(topic)
		require.NoError(t, err, topic)
		require.Equal(t, MappedTopic{Name: want}, got)
		require.NoError(t, CheckTopicName(got.Name))
		back, err := EscapeTopics{}.UnmapTopic(got.Name, nil)
		require.NoError(t, err, topic)
		require.Equal(t, topic, back)
	}
}

func TestEscapeTopicsDigest(t *testing.T) {
	for topic, want := range map[string]MappedTopic{
		strings.Repeat("x", 128): {
			Name:     "_wm_" + strings.Repeat("x", 81) + "-h" + "24da1b81d0b16df6428eee73c69fcb2a93c76bc6",
			Property: headers.Property{Name: "_wm_topic", Value: strings.Repeat("x", 128)},
		},
		strings.Repeat("x", 80) + "." + strings.Repeat("y", 60): {
			Name:     "_wm_" + strings.Repeat("x", 80) + "-h" + "7a43bef348253eb40b77aa304edbce43b2bee525",
			Property: headers.Property{Name: "_wm_topic", Value: strings.Repeat("x", 80) + "." + strings.Repeat("y", 60)},
		},
		strings.Repeat("%\x01\xff", 50): {
			Name:     "_wm_" + strings.Repeat("-25-01-FF", 9) + "-h" + "51cfd2616339675a068c3070791e0abc59e7ec1b",
			Property: headers.Property{Name: "_wm_topic", Value: strings.Repeat("%25%01%FF", 50)},
		},
	} {
		got, err := EscapeTopics{}.MapTopic(topic)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.NoError(t, CheckTopicName(got.Name))
		require.NoError(t, got.Property.Check())

		back, err := EscapeTopics{}.UnmapTopic(got.Name, props("a", "b", "_wm_topic", got.Property.Value))
		require.NoError(t, err)
		require.Equal(t, topic, back)
	}
}

// In a namespace names are shorter, and those that clients would leave out of it are
// escaped. Both ways are as exact as without.
func TestEscapeTopicsInNamespace(t *testing.T) {
	m := EscapeTopics{Namespace: "ns"}
	long := strings.Repeat("x", 125)
	for topic, want := range map[string]MappedTopic{
		"orders":                 {Name: "orders"},
		"other%orders":           {Name: "other%orders"},
		"nsx%orders":             {Name: "nsx%orders"},
		"ns":                     {Name: "ns"},
		"CID_RMQ_SYS":            {Name: "CID_RMQ_SYS"},
		"ns%":                    {Name: "_wm_ns-25"},
		"ns%orders":              {Name: "_wm_ns-25orders"},
		"CID_RMQ_SYS_x":          {Name: "_wm_CID_RMQ_SYS_x"},
		"a.b":                    {Name: "_wm_a-2Eb"},
		strings.Repeat("x", 124): {Name: strings.Repeat("x", 124)},
		long: {
			Name:     "_wm_" + strings.Repeat("x", 78) + "-h" + digestOf(long),
			Property: headers.Property{Name: "_wm_topic", Value: long},
		},
	} {
		got, err := m.MapTopic(topic)
		require.NoError(t, err, topic)
		require.Equal(t, want, got)
		require.NoError(t, CheckTopicName("ns%"+got.Name))
		back, err := m.UnmapTopic(got.Name, []headers.Property{got.Property})
		require.NoError(t, err)
		require.Equal(t, topic, back)
	}
	for _, name := range []string{"ns%orders", "CID_RMQ_SYS_x"} {
		_, err := m.UnmapTopic(name, nil)
		requireTopicError(t, err, name, ErrTopicNotMapped)
	}
	_, err := EscapeTopics{}.UnmapTopic("_wm_ns-25orders", nil)
	requireTopicError(t, err, "_wm_ns-25orders", ErrTopicNotMapped)
}

// The longest namespace leaves room for a digest, and a longer one is reported.
func TestEscapeTopicsInLongNamespace(t *testing.T) {
	topic := strings.Repeat("-", 200)
	longest := EscapeTopics{Namespace: strings.Repeat("n", 80)}
	require.NoError(t, longest.Validate())
	got, err := longest.MapTopic(topic)
	require.NoError(t, err)
	require.Equal(t, "_wm_-h"+digestOf(topic), got.Name)
	require.NoError(t, CheckTopicName(longest.Namespace+"%"+got.Name))
	back, err := longest.UnmapTopic(got.Name, []headers.Property{got.Property})
	require.NoError(t, err)
	require.Equal(t, topic, back)

	for _, n := range []int{81, 126, 127, 500} {
		beyond := EscapeTopics{Namespace: strings.Repeat("n", n)}
		require.ErrorContains(t, beyond.Validate(), "want at most 80")
		_, err := beyond.MapTopic(topic)
		requireTopicError(t, err, topic, ErrTopicTooLong)
	}
	got, err = EscapeTopics{Namespace: strings.Repeat("n", 120)}.MapTopic("orders")
	require.NoError(t, err)
	require.Equal(t, "orders", got.Name, "a short name needs no digest")
}

func digestOf(topic string) string {
	sum := sha256.Sum256([]byte(topic))
	return hex.EncodeToString(sum[:20])
}

func TestEscapeTopicsRefuses(t *testing.T) {
	for topic, reason := range map[string]error{
		"":                         ErrTopicEmpty,
		"%RETRY%group":             ErrTopicReserved,
		"%DLQ%group":               ErrTopicReserved,
		"%RETRY%group.with.dots":   ErrTopicReserved,
		"%DLQ%é":                   ErrTopicReserved,
		"TBW102":                   ErrTopicReserved,
		"rmq_sys_x":                ErrTopicReserved,
		"rmq_sys_x.y":              ErrTopicReserved,
		"RMQ_SYS_TRACE_TOPIC":      ErrTopicReserved,
		strings.Repeat("x", 32000): ErrTopicTooLong,
		strings.Repeat("%", 11000): ErrTopicTooLong,
	} {
		_, err := EscapeTopics{}.MapTopic(topic)
		requireTopicError(t, err, topic, reason)
		require.Less(t, len(err.Error()), 1500)
	}
}

func TestUnmapTopicOfOthers(t *testing.T) {
	for _, topic := range []string{"orders", "%RETRY%group", "%DLQ%group", "TBW102", "", "_wm"} {
		got, err := EscapeTopics{}.UnmapTopic(topic, props("_wm_topic", "not for this"))
		require.NoError(t, err)
		require.Equal(t, topic, got)
	}
	long, err := EscapeTopics{}.MapTopic(strings.Repeat("x", 200))
	require.NoError(t, err)
	for _, tt := range []struct {
		topic string
		props []headers.Property
	}{
		{"_wm_", nil},
		{"_wm_orders", nil},      // is legal, so it is not escaped
		{"_wm_a-41", nil},        // 'A' is not escaped
		{"_wm_a-2e", nil},        // lower case
		{"_wm_a-2", nil},         // cut
		{"_wm_a-", nil},          // cut
		{"_wm_a-2Eb%", nil},      // '%' is escaped
		{"_wm_-25RETRY-25", nil}, // is refused, not escaped
		{"_wm_rmq_sys_-2E", nil},
		{long.Name, nil},
		{long.Name, props("_wm_topic", strings.Repeat("x", 201))},
		{long.Name, props("_wm_topic", "%zz")},
		{long.Name, props("_wm_topic", "orders")},
		{long.Name[:len(long.Name)-1], props("_wm_topic", long.Property.Value)},
	} {
		_, err := EscapeTopics{}.UnmapTopic(tt.topic, tt.props)
		requireTopicError(t, err, tt.topic, ErrTopicNotMapped)
	}
}

func checkTopic(t testing.TB, topic string) {
	t.Helper()
	for _, namespace := range []string{"", "ns", strings.Repeat("n", 80)} {
		checkTopicIn(t, EscapeTopics{Namespace: namespace}, topic)
	}
}

func checkTopicIn(t testing.TB, m EscapeTopics, topic string) {
	t.Helper()
	mapped, err := m.MapTopic(topic)
	if err != nil {
		var topicErr *TopicError
		require.ErrorAs(t, err, &topicErr)
		return
	}
	require.NoError(t, CheckTopicName(mapped.Name))
	require.LessOrEqual(t, len(mapped.Name), m.room())
	again, err := m.MapTopic(topic)
	require.NoError(t, err)
	require.Equal(t, mapped, again)
	var list []headers.Property
	if mapped.Property != (headers.Property{}) {
		require.NoError(t, mapped.Property.Check())
		list = append(list, mapped.Property)
	}
	back, err := m.UnmapTopic(mapped.Name, list)
	require.NoError(t, err)
	require.Equal(t, topic, back)
}

func TestEscapeTopicsAnyName(t *testing.T) {
	require.NoError(t, quick.Check(func(raw []byte, repeat uint8) bool {
		checkTopic(t, string(raw))
		checkTopic(t, strings.Repeat(string(raw), int(repeat)))
		return true
	}, &quick.Config{MaxCount: 500}))
}

func FuzzTopicMap(f *testing.F) {
	for _, s := range []string{"orders", "ns%orders", "CID_RMQ_SYS_x", strings.Repeat("n", 80) + "%x", "a.b", "_wm_a-2E", "-h", "%RETRY%g", "TBW102", strings.Repeat("-.", 70), strings.Repeat("x", 82) + "-h" + strings.Repeat("0", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, topic string) { checkTopic(t, topic) })
}

// A RocketMQ name that is read back is made of nothing but what it was read as:
// no two topics are joined.
func FuzzTopicUnmap(f *testing.F) {
	f.Add("_wm_a-2E", "")
	f.Add("_wm_"+strings.Repeat("x", 81)+"-h"+strings.Repeat("0", 40), "x")
	f.Add("ns%orders", "")
	f.Add("_wm_ns-25orders", "")
	f.Fuzz(func(t *testing.T, name, original string) {
		for _, m := range []EscapeTopics{{}, {Namespace: "ns"}} {
			checkUnmap(t, m, name, original)
		}
	})
}

func checkUnmap(t testing.TB, m EscapeTopics, name, original string) {
	t.Helper()
	topic, err := m.UnmapTopic(name, props(propertyTopic, original))
	if err != nil {
		requireTopicError(t, err, name, ErrTopicNotMapped)
		return
	}
	if CheckTopicName(name) != nil || isRetryOrDeadLetter(name) || len(name) > m.room() {
		require.Equal(t, name, topic)
		return
	}
	mapped, err := m.MapTopic(topic)
	require.NoError(t, err)
	require.Equal(t, name, mapped.Name)
}

func TestMapTopicAllocations(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := (EscapeTopics{}).MapTopic("orders-eu_1"); err != nil {
			t.Fatal(err)
		}
	}))
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() {
		if _, err := (EscapeTopics{}).MapTopic("orders.eu"); err != nil {
			t.Fatal(err)
		}
	}))
}

func BenchmarkMapTopic(b *testing.B) {
	for name, topic := range map[string]string{"legal": "orders-eu_1", "escaped": "orders.eu", "digest": strings.Repeat("x", 200)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (EscapeTopics{}).MapTopic(topic); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

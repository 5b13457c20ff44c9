package marshaler

import (
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"
)

func TestDotTopics(t *testing.T) {
	for _, tt := range []struct {
		dot    byte
		topic  string
		name   string
		reason error
	}{
		{0, "orders", "orders", nil},
		{0, "orders.created.v1", "orders_created_v1", nil},
		{'-', "orders.created", "orders-created", nil},
		{'|', "orders.created", "orders|created", nil},
		{'-', "orders_archive.old", "orders_archive-old", nil},
		{0, "orders_created", "", ErrTopicJoined},
		{0, "orders_archive.old", "", ErrTopicJoined},
		{'-', "orders-created", "", ErrTopicJoined},
		{0, "", "", ErrTopicEmpty},
		{0, "orders/created", "", ErrTopicIllegal},
		{0, "%RETRY%group", "", ErrTopicReserved},
		{0, "rmq.sys.x", "", ErrTopicReserved},
		{0, strings.Repeat("x.", 64), "", ErrTopicTooLong},
	} {
		m := DotTopics{Dot: tt.dot}
		require.NoError(t, m.Validate())
		mapped, err := m.MapTopic(tt.topic)
		if tt.reason != nil {
			requireTopicError(t, err, tt.topic, tt.reason)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, MappedTopic{Name: tt.name}, mapped)
		topic, err := m.UnmapTopic(tt.name, nil)
		require.NoError(t, err)
		require.Equal(t, tt.topic, topic)
	}
	for _, dot := range []byte{'.', 'x', '%', ' ', 0xff} {
		require.Error(t, DotTopics{Dot: dot}.Validate())
	}
}

func TestTopicTable(t *testing.T) {
	table := map[string]string{"orders": "ORDER_EVENTS", "orders_created": "orders_created"}
	m, err := NewTopicTable(table, nil)
	require.NoError(t, err)
	table["orders"] = "changed"
	mapped, err := m.MapTopic("orders")
	require.NoError(t, err)
	require.Equal(t, "ORDER_EVENTS", mapped.Name)
	topic, err := m.UnmapTopic("ORDER_EVENTS", nil)
	require.NoError(t, err)
	require.Equal(t, "orders", topic)
	_, err = m.MapTopic("invoices")
	requireTopicError(t, err, "invoices", ErrTopicNotInTable)
	_, err = m.UnmapTopic("invoices", nil)
	requireTopicError(t, err, "invoices", ErrTopicNotInTable)

	others := m.WithOthers(DotTopics{})
	require.Nil(t, m.Others())
	mapped, err = others.MapTopic("invoices.sent")
	require.NoError(t, err)
	require.Equal(t, "invoices_sent", mapped.Name)
	_, err = others.MapTopic("orders.created")
	requireTopicError(t, err, "orders.created", ErrTopicJoined)
	_, err = others.UnmapTopic("orders", nil)
	requireTopicError(t, err, "orders", ErrTopicNotMapped)

	for _, bad := range []struct {
		table  map[string]string
		reason error
	}{
		{map[string]string{"a": "x", "b": "x"}, ErrTopicJoined},
		{map[string]string{"a": "x.y"}, ErrTopicIllegal},
		{map[string]string{"a": ""}, ErrTopicEmpty},
		{map[string]string{"": "x"}, ErrTopicEmpty},
		{map[string]string{"a": "%DLQ%x"}, ErrTopicReserved},
		{map[string]string{"a": "TBW102"}, ErrTopicReserved},
	} {
		_, err := NewTopicTable(bad.table, nil)
		require.ErrorIs(t, err, bad.reason)
		require.ErrorAs(t, err, new(*TopicError))
	}
}

// No two topics have one name, and each name leads back to its topic.
func TestSharedTopicsAreNotJoined(t *testing.T) {
	alphabet := []byte("ab._-|")
	word := func(n uint64) string {
		var b []byte
		for range 1 + n%5 {
			b = append(b, alphabet[n/5%uint64(len(alphabet))])
			n /= uint64(len(alphabet))
		}
		return string(b)
	}
	table, err := NewTopicTable(map[string]string{"a_b": "a_b", "a": "b_", "b.": "a"}, DotTopics{})
	require.NoError(t, err)
	for _, m := range []TopicMapper{DotTopics{}, DotTopics{Dot: '-'}, DotTopics{Dot: '|'}, table, table.WithOthers(EscapeTopics{})} {
		topics := make(map[string]string)
		mapped := 0
		require.NoError(t, quick.Check(func(n uint64) bool {
			topic := word(n)
			name, err := m.MapTopic(topic)
			if err != nil {
				return true
			}
			mapped++
			back, err := m.UnmapTopic(name.Name, nil)
			before, known := topics[name.Name]
			topics[name.Name] = topic
			return err == nil && back == topic && (!known || before == topic) && CheckTopicName(name.Name) == nil
		}, &quick.Config{MaxCount: 5000}))
		require.Greater(t, mapped, 100)
	}
}

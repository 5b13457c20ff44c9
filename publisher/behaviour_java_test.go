package publisher_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Every name that RocketMQ's own code reserves, in either version, is reserved
// by the marshaler. The constants that are no names of properties are listed.
func TestReservedNamesAreJavas(t *testing.T) {
	noNames := []string{
		" ",           // KEY_SEPARATOR
		"K", "U", "T", // INDEX_KEY_TYPE and the like, of 5.4 and later
		"R", "F", // TIMER_ENGINE_ROCKSDB_TIMELINE and ..._FILE_TIME_WHEEL
	}
	inRealWorlds(t, func(t *testing.T, w *world) {
		java := w.real.Reserved(t)
		require.NotEmpty(t, java.MessageConst)
		for _, name := range slices.Concat(java.MessageConst, java.StringHashSet) {
			if !slices.Contains(noNames, name) {
				require.True(t, marshaler.Reserved(name), "property %q", name)
			}
		}
		require.NotEmpty(t, java.SystemTopics)
		for _, topic := range slices.Concat(java.SystemTopics, java.NotAllowedSend) {
			_, err := marshaler.EscapeTopics{}.MapTopic(topic)
			require.ErrorIs(t, err, marshaler.ErrTopicReserved, "topic %q", topic)
		}
	})
}

// Java reads a properties string as our parser does; the differences are those
// of 4.9.7, which drops a value with a second separator: the marshaler makes none.
func TestPropertiesAreJavas(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		for _, m := range strangeMessages() {
			made, err := marshaler.Default{}.Marshal("topic", m)
			require.NoError(t, err)
			var raw strings.Builder
			want := make(map[string]string)
			for _, property := range made.Properties {
				raw.WriteString(property.Name + "\x01" + property.Value + "\x02")
				want[property.Name] = property.Value
			}
			require.Equal(t, want, w.real.Properties(t, []byte(raw.String()))[0])
		}
	})
}

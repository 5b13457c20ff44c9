package keys

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbers are those of Java's String.hashCode.
func TestHash(t *testing.T) {
	require.EqualValues(t, 686946011, Hash("orders", "key-1"), "Java says -686946011")
	require.EqualValues(t, 0, Hash("orders", "3EG?7B3"), "Java says -2147483648, which has no absolute value")
	require.EqualValues(t, 37146135, Hash("größe", "ключ 😀"))
}

func TestOf(t *testing.T) {
	for properties, want := range map[string][]string{
		"":                   nil,
		"UNIQ_KEY\x01ID\x02": {"ID"},
		"KEYS\x01 red  green red \x02UNIQ_KEY\x01ID\x02":             {"ID", "red", "green", "red"},
		"UNIQ_KEY\x01A\x02KEYS\x01old\x02KEYS\x01A\x02UNIQ_KEY\x01B": {"B", "A"},
		"UNIQ_KEY\x01\x02KEYS\x01\x02TAGS\x01":                       nil,
		"KEYS\x01 \x02":                                              nil,
		"TAGS\x01blue\x02KEYS\x01red":                                {"red", "T#blue"},
	} {
		var got []string
		for key := range Of([]byte(properties), true) {
			got = append(got, string(key))
		}
		require.Equal(t, want, got, "%q", properties)
		for key := range Of([]byte(properties), false) {
			require.NotEqual(t, Tag("blue"), string(key))
			break
		}
	}
}

package marshaler

import (
	"strings"
	"testing"
	"testing/quick"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestEscape(t *testing.T) {
	for plain, escaped := range map[string]string{
		"":             "%",
		"a":            "a",
		"%":            "%25",
		"100 %é\x00\n": "100 %25é\x00\n",
		"\x01\x02":     "%01%02",
		"a\xffb\xc3":   "a%FFb%C3",
		"\xed\xa0\x80": "%ED%A0%80", // a surrogate: Java would replace it
		"\ufffd":       "\ufffd",
		"日本":           "日本",
	} {
		require.Equal(t, escaped, escape(plain))
		got, ok := unescape(escaped)
		require.True(t, ok, "%q", escaped)
		require.Equal(t, plain, got)
	}
}

func TestUnescapeIsStrict(t *testing.T) {
	for _, bad := range []string{
		"", "%%", "a%", "%2", "%2x", "%G0", "%0a", "%ff", "%00", "%41", "%03", "%20", // not escaped by escape, or not upper case
		"%C3%A9", "%E6%97%A5", // valid UTF-8 once decoded
		"a\x01", "a\x02", "a\xff", // should be escaped
		"%25%", "%-1", "%+1",
	} {
		got, ok := unescape(bad)
		require.False(t, ok, "%q", bad)
		require.Empty(t, got)
	}
}

func TestEscapeRoundTrip(t *testing.T) {
	err := quick.Check(func(raw []byte) bool {
		text := string(raw)
		escaped := escape(text)
		got, ok := unescape(escaped)
		return ok && got == text && headers.Carries(escaped)
	}, &quick.Config{MaxCount: 5000})
	require.NoError(t, err)
}

func TestEscapeKey(t *testing.T) {
	seen := map[string]string{}
	err := quick.Check(func(raw []byte) bool {
		text := string(raw)
		key := escapeKey(text)
		if other, ok := seen[key]; ok && other != text {
			return false
		}
		seen[key] = text
		back, ok := percentDecode(key)
		return ok && back == text && !strings.ContainsAny(key, " \x00\x01\x02\t\r\n\x7f") && (text == "" || headers.Carries(key))
	}, &quick.Config{MaxCount: 5000})
	require.NoError(t, err)
}

func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"", "%", "%25", "%FF", "a%C3b", "%C3%A9", "%2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if plain, ok := unescape(text); ok {
			require.Equal(t, text, escape(plain))
		}
	})
}

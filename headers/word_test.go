package headers_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Texts are looked at eight bytes at a time. Here each byte value is at each place
// of texts that end in all places of a word, alone and in front of another one.
func eachByteAtEachPlace(test func(text string)) {
	for length := 1; length <= 18; length++ {
		for at := range length {
			for c := range 256 {
				text := []byte(strings.Repeat("a", length))
				text[at] = byte(c)
				test(string(text))
				if at+1 < length {
					text[at+1] = 0x03
					test(string(text))
				}
			}
		}
	}
}

func TestCarriesAtEachPlace(t *testing.T) {
	eachByteAtEachPlace(func(text string) {
		want := !strings.ContainsAny(text, "\x01\x02") && utf8.ValidString(text)
		if headers.Carries(text) != want {
			require.Equal(t, want, !want, "%q", text)
		}
	})
	require.False(t, headers.Carries(""))
}

func TestJSONTextAtEachPlace(t *testing.T) {
	eachByteAtEachPlace(func(text string) {
		header := `{"code":0,"remark":"` + text + `"}`
		var want struct{ Remark string }
		wanted := json.Unmarshal([]byte(header), &want) == nil
		c, err := headers.ParseFrame(headerFrame(headers.JSON, header))
		if (err == nil) != wanted || wanted && validUTF8(string(c.Remark)) != want.Remark {
			require.Equal(t, want.Remark, string(c.Remark), "%q: %v", header, err)
			require.Equal(t, wanted, err == nil, "%q: %v", header, err)
		}
	})
}

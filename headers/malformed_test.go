package headers_test

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// headerFrame puts a header behind its length word; it is what ParseFrame takes.
func headerFrame(s headers.Serialization, header string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(s)<<24|uint32(len(header))), header...)
}

const (
	// A binary header without remark and ext, in its parts: code 10, language GO,
	// version 513, opaque 1, flag 0.
	binaryStart = "\x00\x0a\x09\x02\x01\x00\x00\x00\x01\x00\x00\x00\x00"
	none        = "\x00\x00\x00\x00"
)

func TestParseFrameLengths(t *testing.T) {
	tests := []struct{ name, frame, err string }{
		{"empty", "", "frame of 0 bytes has no header length"},
		{"cut in the header length", "\x00\x00\x00", "frame of 3 bytes has no header length"},
		{"header longer than the frame", "\x00\x00\x00\x03{}", "header length 3 in a frame of 6 bytes"},
		{"longest header", "\x00\xff\xff\xff{}", "header length 16777215"},
		{"no header", "\x00\x00\x00\x00{}", "want an object"},
		{"no binary header", "\x01\x00\x00\x00", "binary header of 0 bytes, want at least 21"},
		{"serialization 2", "\x02\x00\x00\x02{}", "serialization type 2 is not known"},
		{"serialization 255", "\xff\x00\x00\x02{}", "serialization type 255 is not known"},
		{"binary header in a JSON frame", "\x00\x00\x00\x15" + binaryStart + none + none, "want an object"},
		{"JSON header in a binary frame", "\x01\x00\x00\x17{\"code\":310,\"opaque\":1}", "runs past the end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { requireMalformed(t, []byte(test.frame), test.err) })
	}
}

func TestParseBinaryHeaderMalformed(t *testing.T) {
	ext := func(fields string) string {
		return binaryStart + none + string(binary.BigEndian.AppendUint32(nil, uint32(len(fields)))) + fields
	}
	tests := []struct{ name, header, err string }{
		{"cut in the fixed part", binaryStart, "binary header of 13 bytes, want at least 21"},
		{"cut before the ext length", binaryStart + none + "\x00\x00\x00", "binary header of 20 bytes, want at least 21"},
		{"remark past the end", binaryStart + "\x00\x00\x00\x05" + none, "remark runs past the end"},
		{"remark eats the ext length", binaryStart + "\x00\x00\x00\x04" + none, "ext fields run past the end"},
		{"negative remark length", binaryStart + "\xff\xff\xff\xff" + none, "remark runs past the end"},
		{"huge remark length", binaryStart + "\x7f\xff\xff\xff" + none, "remark runs past the end"},
		{"ext past the end", binaryStart + none + "\x00\x00\x00\x01", "ext fields run past the end"},
		{"negative ext length", binaryStart + none + "\x80\x00\x00\x00", "ext fields run past the end"},
		{"bytes after the end", binaryStart + none + none + "\x00", "1 bytes after its end"},
		{"ext of one byte", ext("\x00"), "ext field runs past the end"},
		{"name past the end", ext("\x00\x02a"), "ext field runs past the end"},
		{"name without value", ext("\x00\x01a"), "ext field runs past the end"},
		{"cut in the value length", ext("\x00\x01a\x00\x00\x00"), "ext field runs past the end"},
		{"value past the end", ext("\x00\x01a\x00\x00\x00\x02b"), "ext field runs past the end"},
		{"negative name length", ext("\x80\x00" + strings.Repeat("a", 0x8000) + none), "ext field runs past the end"},
		{"negative value length", ext("\x00\x01a\xff\xff\xff\xffb"), "ext field runs past the end"},
		{"huge value length", ext("\x00\x01a\x7f\xff\xff\xffb"), "ext field runs past the end"},
		{"second field past the end", ext("\x00\x01a\x00\x00\x00\x01b\x00"), "ext field runs past the end"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { requireMalformed(t, headerFrame(headers.Binary, test.header), test.err) })
	}
}

func TestParseJSONHeaderMalformed(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	tests := []struct{ name, header, err string }{
		{"empty", ``, "want an object at byte 0"},
		{"white space", " \n", "want an object"},
		{"array", `[]`, "want an object"},
		{"null", `null`, "want an object"},
		{"byte order mark", "\ufeff{}", "want an object"},
		{"no end", `{"code":0`, "want ',' or '}'"},
		{"no value", `{"code":}`, `"" at byte 8 is no value`},
		{"no colon", `{"code" 0}`, "want ':'"},
		{"no name", `{0:1}`, "want a string"},
		{"comma at the end", `{"code":0,}`, "want a string"},
		{"comma at the start", `{,"code":0}`, "want a string"},
		{"two documents", `{}{}`, "2 bytes after its end"},
		{"a NUL behind", "{}\x00", "1 bytes after its end"},
		{"string without end", `{"remark":"`, "has no end"},
		{"string ending in a backslash", `{"remark":"\`, "bad escape"},
		{"unknown escape", `{"remark":"\x41"}`, "bad escape"},
		{"short unicode escape", `{"remark":"\u12"}`, "bad escape"},
		{"no hex digit", `{"remark":"\u12g4"}`, "bad escape"},
		{"single quote escape", `{"remark":"\'"}`, "bad escape"},
		{"bare newline", "{\"remark\":\"a\nb\"}", "bare control character"},
		{"bare NUL in a name", "{\"a\x00\":1}", "bare control character"},
		{"code out of range", `{"code":2147483648}`, `code is "2147483648", want a 32-bit integer`},
		{"opaque out of range", `{"opaque":-2147483649}`, "opaque is"},
		{"version with a fraction", `{"version":1.5}`, "version is"},
		{"flag with an exponent", `{"flag":1e3}`, "flag is"},
		{"code in quotes", `{"code":"0"}`, "is no value"},
		{"code true", `{"code":true}`, "code is"},
		{"leading zero", `{"code":01}`, "is no value"},
		{"plus sign", `{"code":+1}`, "is no value"},
		{"no digits", `{"code":-}`, "is no value"},
		{"fraction without digits", `{"other":1.}`, "is no value"},
		{"exponent without digits", `{"other":1e}`, "is no value"},
		{"hexadecimal", `{"other":0x1}`, "is no value"},
		{"NaN", `{"other":NaN}`, "is no value"},
		{"upper-case literal", `{"other":TRUE}`, "is no value"},
		{"long nonsense is cut", `{"other":` + strings.Repeat("a", 1000) + `}`, strings.Repeat("a", 64) + `..."`},
		{"deep nesting", `{"other":` + deep + `}`, "nested deeper than 32"},
		{"very deep nesting", `{"other":` + strings.Repeat(`{"a":`, 1<<20), "nested deeper than 32"},
		{"array without end", `{"other":[1`, "want ',' or ']'"},
		{"array with a bare comma", `{"other":[1,]}`, "is no value"},
		{"ext value that is an object", `{"extFields":{"a":{}}}`, "neither string nor scalar"},
		{"ext value that is an array", `{"extFields":{"a":[]}}`, "neither string nor scalar"},
		{"ext without end", `{"extFields":{"a":"b"`, "want ',' or '}'"},
		{"ext with a bad escape", `{"extFields":{"a":"\q"}}`, "bad escape"},
		{"ext with an unquoted name", `{"extFields":{0:"b"}}`, "want a string"},
		{"answer without a code", `{"flag":1,"opaque":1}`, "answer without a code"},
		{"answer with a code of null", `{"code":null,"flag":1}`, "answer without a code"},
		{"oneway answer without a code", `{"flag":3}`, "answer without a code"},
		{"remark that is an object", `{"remark":{}}`, "is no value"},
		{"language that is an array", `{"language":[]}`, "is no value"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { requireMalformed(t, headerFrame(headers.JSON, test.header), test.err) })
	}
}

func requireMalformed(t *testing.T, frame []byte, text string) {
	t.Helper()
	c, err := headers.ParseFrame(frame)
	require.ErrorIs(t, err, headers.ErrMalformed)
	require.ErrorContains(t, err, text)
	require.Less(t, len(err.Error()), 300, "an error must not carry the frame along")
	require.Equal(t, headers.Command{}, c)
}

package headers_test

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// FuzzParseFrame holds for any bytes:
//   - ParseFrame does not panic, and what it refuses it calls malformed;
//   - the walk over the fields ends, and Get finds the last field of a name;
//   - a signature is of all fields in the order of their names, and the body;
//   - the typed headers parse or are malformed, without a panic;
//   - what was parsed, encoded again in either serialization and parsed again,
//     is the same. Three things are lost on the way: fields with an empty value,
//     which are never written, bytes that are not UTF-8 in a JSON header, and
//     the flag bits beyond the known two.
func FuzzParseFrame(f *testing.F) {
	for _, frame := range goldenFrames(f) {
		f.Add(golden(f, frame.Name)[4:])
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		c, err := headers.ParseFrame(frame)
		require.Equal(t, before, frame, "the frame is only read")
		if err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
			return
		}
		if _, err := headers.ParseSendMessage(&c); err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
		}
		if _, err := headers.ParseSendResult(&c); err != nil {
			require.ErrorIs(t, err, headers.ErrMalformed)
		}

		last := map[string]string{}
		var list headers.FieldList
		for name, value := range c.Fields.All() {
			list = append(list, headers.Field{Name: string(name), Value: string(value)})
			require.LessOrEqual(t, len(list), len(frame))
			last[string(name)] = string(value)
		}
		for name, value := range last {
			require.Equal(t, value, c.Fields.String(name))
		}
		// A signature is of the fields as they are, its own aside.
		delete(last, headers.FieldSignature)
		var content []byte
		for _, name := range slices.Sorted(maps.Keys(last)) {
			if last[name] == "" && c.Serialization == headers.Binary {
				content = append(content, "null"...)
			}
			content = append(content, last[name]...)
		}
		require.Equal(t, headers.Signature(headers.Fields{}, append(content, c.Body...), "key"), headers.Signature(c.Fields, c.Body, "key"))
		for _, s := range bothSerializations {
			requireSameAgain(t, c, list, s)
		}
	})
}

func requireSameAgain(t *testing.T, c headers.Command, list headers.FieldList, s headers.Serialization) {
	t.Helper()
	if s == headers.Binary {
		for _, field := range list {
			if len(field.Name) > math.MaxInt16 {
				return
			}
		}
	}
	answer, err := headers.AppendResponse(nil, s, c.Opaque, headers.ResponseCode(c.Code), string(c.Remark), list, c.Body)
	require.NoError(t, err)
	request, err := headers.AppendRequest(nil, s, c.Opaque, c.IsOneway(), command{headers.RequestCode(c.Code), list}, c.Body)
	require.NoError(t, err)
	text := func(b string) string {
		if s == headers.JSON || c.Code != int32(int16(c.Code)) {
			return validUTF8(b)
		}
		return b
	}
	var want headers.FieldList
	for _, field := range list {
		if field.Value != "" {
			want = append(want, headers.Field{Name: text(field.Name), Value: text(field.Value)})
		}
	}

	for _, frame := range [][]byte{answer, request} {
		again := mustParse(t, frame)
		require.Equal(t, c.Code, again.Code)
		require.Equal(t, c.Opaque, again.Opaque)
		require.Equal(t, c.Body, again.Body)
		require.Equal(t, headers.LanguageGo, again.Language)
		require.Equal(t, headers.Version5_5_0, again.Version)
		if again.IsResponse() {
			require.Equal(t, text(string(c.Remark)), string(again.Remark))
		} else {
			require.Equal(t, c.IsOneway(), again.IsOneway())
		}
		var got headers.FieldList
		for name, value := range again.Fields.All() {
			got = append(got, headers.Field{Name: string(name), Value: string(value)})
		}
		require.Equal(t, want, got)
	}
}

// validUTF8 puts U+FFFD for each byte that is not UTF-8, as encoding/json does.
func validUTF8(s string) string { return string([]rune(s)) }

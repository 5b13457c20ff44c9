package headers_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

var bothSerializations = []headers.Serialization{headers.JSON, headers.Binary}

func fieldsOf(t testing.TB, s headers.Serialization, list headers.FieldList) headers.Fields {
	t.Helper()
	frame, err := headers.AppendRequest(nil, s, 1, false, command{code: 1, fields: list}, nil)
	require.NoError(t, err)
	return mustParse(t, frame).Fields
}

func TestFieldsGet(t *testing.T) {
	for _, s := range bothSerializations {
		f := fieldsOf(t, s, headers.FieldList{{"a", "1"}, {"b", "x\n\"y\""}, {"a", "2"}, {"empty", ""}})
		value, ok := f.Get("a")
		require.True(t, ok)
		require.Equal(t, "2", string(value), "the last one counts")
		require.Equal(t, "x\n\"y\"", f.String("b"))
		for _, name := range []string{"empty", "A", ""} {
			value, ok = f.Get(name)
			require.False(t, ok, name)
			require.Nil(t, value)
			require.Empty(t, f.String(name))
		}
	}
}

func TestFieldsOfNothing(t *testing.T) {
	var f headers.Fields
	require.Empty(t, fieldMap(f))
	_, ok := f.Get("a")
	require.False(t, ok)
}

func TestFieldsWalkInWireOrderAndStop(t *testing.T) {
	list := headers.FieldList{{"z", "1"}, {"a", "2"}, {"z", "3"}}
	for _, s := range bothSerializations {
		f := fieldsOf(t, s, list)
		var all, first headers.FieldList
		for name, value := range f.All() {
			all = append(all, headers.Field{Name: string(name), Value: string(value)})
		}
		require.Equal(t, list, all)
		for name, value := range f.All() {
			first = append(first, headers.Field{Name: string(name), Value: string(value)})
			break
		}
		require.Equal(t, list[:1], first)
	}
}

func TestFieldsInt(t *testing.T) {
	tests := []struct {
		text string
		bits int
		want int64
		ok   bool
	}{
		{"0", 32, 0, true},
		{"-1", 32, -1, true},
		{"2147483647", 32, math.MaxInt32, true},
		{"2147483648", 32, 0, false},
		{"2147483648", 64, 2147483648, true},
		{"-9223372036854775808", 64, math.MinInt64, true},
		{"9223372036854775808", 64, 0, false},
		{"1.0", 64, 0, false},
		{" 1", 64, 0, false},
		{"1_0", 64, 0, false},
		{"0x10", 64, 0, false},
		{"one", 64, 0, false},
	}
	for _, test := range tests {
		for _, s := range bothSerializations {
			value, ok, err := fieldsOf(t, s, headers.FieldList{{"n", test.text}}).Int("n", test.bits)
			require.Equal(t, test.want, value, test.text)
			require.Equal(t, test.ok, ok, test.text)
			if test.ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, headers.ErrMalformed)
				require.ErrorContains(t, err, "field n is")
			}
		}
	}
	_, ok, err := headers.Fields{}.Int("n", 32)
	require.False(t, ok)
	require.NoError(t, err, "not there is no error")
}

func TestFieldsBool(t *testing.T) {
	tests := map[string]bool{
		"true": true, "TRUE": true, "tRuE": true,
		"false": false, "1": false, "yes": false, "true ": false, "tru": false, "\x54\x52\x55\x05": false,
	}
	for text, want := range tests {
		require.Equal(t, want, fieldsOf(t, headers.Binary, headers.FieldList{{"b", text}}).Bool("b"), "%q", text)
	}
	require.False(t, headers.Fields{}.Bool("b"))
}

func TestAppendField(t *testing.T) {
	var list []byte
	list = headers.AppendField(list, headers.JSON, "s", "{")
	list = headers.AppendIntField(list, headers.JSON, "i", math.MinInt64)
	list = headers.AppendBoolField(list, headers.JSON, "t", true)
	list = headers.AppendBoolField(list, headers.JSON, "f", false)
	require.Equal(t, `"s":"{","i":"-9223372036854775808","t":"true","f":"false"`, string(list))

	list = headers.AppendField(nil, headers.Binary, "s", "{")
	list = headers.AppendIntField(list, headers.Binary, "i", -1)
	list = headers.AppendBoolField(list, headers.Binary, "t", true)
	require.Equal(t, "\x00\x01s\x00\x00\x00\x01{\x00\x01i\x00\x00\x00\x02-1\x00\x01t\x00\x00\x00\x04true", string(list))
}

func TestAppendFieldEscapesJSON(t *testing.T) {
	tests := map[string]string{
		"plain é 😀 \u2028 \x7f": "plain é 😀 \u2028 \x7f",
		`"\/`:                   `\"\\/`,
		"\n\r\t\b\f\x00\x1f":    `\n\r\t\u0008\u000c\u0000\u001f`,
		"KEYS\x01k\x02":         `KEYS\u0001k\u0002`,
		"a\xffb\xc3":            "a\uFFFDb\uFFFD",
		"\xed\xa0\x80":          "\uFFFD\uFFFD\uFFFD", // a surrogate written in UTF-8
	}
	for value, want := range tests {
		require.Equal(t, `"n":"`+want+`"`, string(headers.AppendField(nil, headers.JSON, "n", value)))
	}
}

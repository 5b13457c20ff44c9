package headers_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func properties(raw string) []headers.Property {
	var list []headers.Property
	for name, value := range headers.Properties([]byte(raw)) {
		list = append(list, headers.Property{Name: string(name), Value: string(value)})
	}
	return list
}

func stringProperties(raw string) []headers.Property {
	var list []headers.Property
	for name, value := range headers.StringProperties(raw) {
		list = append(list, headers.Property{Name: name, Value: value})
	}
	return list
}

func TestProperties(t *testing.T) {
	tests := []struct {
		name, raw string
		want      []headers.Property
	}{
		{"nothing", "", nil},
		{"one", "a\x01b\x02", []headers.Property{{"a", "b"}}},
		{"in order, twice", "b\x011\x02a\x012\x02b\x013\x02", []headers.Property{{"b", "1"}, {"a", "2"}, {"b", "3"}}},
		{"no final separator", "a\x01b\x02c\x01d", []headers.Property{{"a", "b"}, {"c", "d"}}},
		{"separator inside a value", "a\x01b\x01c\x02", []headers.Property{{"a", "b\x01c"}}},
		{"value that is a separator", "a\x01\x01\x02", []headers.Property{{"a", "\x01"}}},
		{"no value", "a\x01\x02b\x011\x02", []headers.Property{{"b", "1"}}},
		{"no name", "\x01a\x02b\x011\x02", []headers.Property{{"b", "1"}}},
		{"no separator", "a\x02b\x011\x02", []headers.Property{{"b", "1"}}},
		{"separators only", "\x02\x02\x01\x02\x01", nil},
		{"not UTF-8", "a\xff\x01\xfe\x02", []headers.Property{{"a\xff", "\xfe"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, properties(test.raw))
			require.Equal(t, test.want, stringProperties(test.raw))
		})
	}
}

func TestPropertiesStop(t *testing.T) {
	for name := range headers.Properties([]byte("a\x011\x02b\x012\x02")) {
		require.Equal(t, "a", string(name))
		break
	}
	for name := range headers.StringProperties("a\x011\x02b\x012\x02") {
		require.Equal(t, "a", name)
		break
	}
}

func TestPropertyCheck(t *testing.T) {
	tests := []struct {
		property headers.Property
		reason   string
	}{
		{headers.Property{Name: "é", Value: " \x00\x03"}, ""},
		{headers.Property{Value: "v"}, "has no name"},
		{headers.Property{Name: "n"}, "has an empty value"},
		{headers.Property{Name: "n\x01", Value: "v"}, "has a name that"},
		{headers.Property{Name: "n\x02", Value: "v"}, "has a name that"},
		{headers.Property{Name: "n\xff", Value: "v"}, "has a name that"},
		{headers.Property{Name: "n", Value: "\x01v"}, "has a value that"},
		{headers.Property{Name: "n", Value: "v\x02"}, "has a value that"},
		{headers.Property{Name: "n", Value: "\xc3"}, "has a value that"},
	}
	for _, test := range tests {
		err := test.property.Check()
		if test.reason == "" {
			require.NoError(t, err)
			continue
		}
		var got *headers.PropertyError
		require.ErrorAs(t, err, &got)
		require.Equal(t, test.property.Name, got.Name)
		require.Contains(t, got.Reason, test.reason)
		require.ErrorContains(t, err, test.reason)
	}
}

// FuzzProperties holds, for any properties string, that the walk gives what the
// rules in the doc comment of Properties say, written down once more with
// strings.Split and strings.Cut, and that what was walked survives being written
// again; and for any pair, that Check takes exactly what Carries allows and that
// such a pair round trips.
func FuzzProperties(f *testing.F) {
	for _, frame := range goldenFrames(f) {
		if raw := frame.Ext["i"] + frame.Ext["properties"]; raw != "" {
			f.Add(raw, "name", "value")
		}
	}
	f.Add("a\x01b\x01c\x02\x01d\x02e\x01\x02f\x01g", "", "\x01")
	f.Fuzz(func(t *testing.T, raw, name, value string) {
		var want []headers.Property
		for entry := range strings.SplitSeq(raw, "\x02") {
			if n, v, ok := strings.Cut(entry, "\x01"); ok && n != "" && v != "" {
				want = append(want, headers.Property{Name: n, Value: v})
			}
		}
		require.Equal(t, want, properties(raw))
		require.Equal(t, want, stringProperties(raw))

		var again []byte
		for _, p := range want {
			again = headers.AppendProperty(again, p.Name, p.Value)
		}
		require.Equal(t, want, properties(string(again)))

		carried := func(s string) bool { return s != "" && !strings.ContainsAny(s, "\x01\x02") && utf8.ValidString(s) }
		require.Equal(t, carried(value), headers.Carries(value))
		pair := headers.Property{Name: name, Value: value}
		if !carried(name) || !carried(value) {
			require.Error(t, pair.Check())
			return
		}
		require.NoError(t, pair.Check())
		one := headers.AppendProperty(again, name, value)
		require.Len(t, one, len(again)+headers.PropertySize(name, value))
		require.Equal(t, append(want, pair), properties(string(one)))
	})
}

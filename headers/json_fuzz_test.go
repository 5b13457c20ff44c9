package headers_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// FuzzJSONHeader holds the scanner against encoding/json: it must take the same
// documents and read the same values from them. It differs on purpose in this,
// and the oracle knows it:
//   - the document must be an object, and names of members match exactly;
//   - members that are not known may nest no deeper than 32;
//   - null is nothing for text and ext fields, and 0 for numbers;
//   - an answer has a code that is not null;
//   - remark and ext fields may be bare scalars, whose text is the value, but
//     not objects or arrays; extFields that is no object is read over;
//   - a language is known by its name, everything else is LanguageUnknown;
//   - of members that come twice the last counts as a whole (encoding/json
//     merges objects), ext fields that come twice are walked twice;
//   - bytes that are not UTF-8 are left as they are, where encoding/json puts
//     U+FFFD for each.
func FuzzJSONHeader(f *testing.F) {
	for _, frame := range goldenFrames(f) {
		if frame.Serialization == "JSON" {
			f.Add(golden(f, frame.Name)[8 : 8+frame.Header])
		}
	}
	f.Fuzz(func(t *testing.T, header []byte) {
		want, ok := oracleHeader(header)
		c, err := headers.ParseFrame(headerFrame(headers.JSON, string(header)))
		if !ok {
			require.ErrorIs(t, err, headers.ErrMalformed)
			return
		}
		require.NoError(t, err)
		got := jsonHeader{
			Code: c.Code, Flag: c.Flag, Opaque: c.Opaque, Version: int32(c.Version),
			Language: c.Language.String(), Remark: validUTF8(string(c.Remark)),
		}
		for name, value := range c.Fields.All() {
			got.Ext = append(got.Ext, headers.Field{Name: validUTF8(string(name)), Value: validUTF8(string(value))})
		}
		require.Equal(t, want, got)
	})
}

type jsonHeader struct {
	Code, Flag, Opaque, Version int32
	Language, Remark            string
	Ext                         headers.FieldList
}

type jsonMember struct {
	name  string
	value json.RawMessage
}

// oracleHeader reads a header by encoding/json and the rules above.
func oracleHeader(header []byte) (h jsonHeader, ok bool) {
	members, ok := oracleMembers(header)
	h.Language = "UNKNOWN"
	hasCode := false
	for _, m := range members {
		if !ok {
			return h, false
		}
		switch m.name {
		case "code":
			hasCode = string(m.value) != "null"
			ok = oracleInt(m.value, &h.Code)
		case "flag":
			ok = oracleInt(m.value, &h.Flag)
		case "opaque":
			ok = oracleInt(m.value, &h.Opaque)
		case "version":
			ok = oracleInt(m.value, &h.Version)
		case "language":
			h.Language = "UNKNOWN"
			var text string
			text, _, ok = oracleText(m.value)
			for _, known := range oracleLanguages {
				if text == known {
					h.Language = known
				}
			}
		case "remark":
			if text, there, fine := oracleText(m.value); !fine {
				ok = false
			} else if there {
				h.Remark = text
			}
		case "extFields":
			if m.value[0] != '{' {
				ok = oracleDepth(m.value) <= 32
				break
			}
			var fields []jsonMember
			fields, ok = oracleMembers(m.value)
			h.Ext = nil
			for _, field := range fields {
				text, there, fine := oracleText(field.value)
				ok = ok && fine
				if there {
					h.Ext = append(h.Ext, headers.Field{Name: field.name, Value: text})
				}
			}
		default:
			ok = oracleDepth(m.value) <= 32
		}
	}
	const response = 1
	return h, ok && (hasCode || h.Flag&response == 0)
}

// oracleMembers lists an object's members in their order, repeated ones too.
func oracleMembers(object []byte) ([]jsonMember, bool) {
	if !json.Valid(object) || bytes.TrimLeft(object, " \t\r\n")[0] != '{' {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	var members []jsonMember
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		m := jsonMember{name: name.(string)}
		if err := d.Decode(&m.value); err != nil {
			return nil, false
		}
		members = append(members, m)
	}
	return members, true
}

func oracleInt(value json.RawMessage, into *int32) bool {
	*into = 0
	return json.Unmarshal(value, into) == nil
}

// oracleText reads a string, or a scalar as its text; there is false for null.
func oracleText(value json.RawMessage) (text string, there, ok bool) {
	switch value[0] {
	case '{', '[':
		return "", false, false
	case '"':
		err := json.Unmarshal(value, &text)
		return text, true, err == nil
	default:
		return string(value), string(value) != "null", true
	}
}

// oracleDepth is how many objects and arrays are around the innermost value.
func oracleDepth(value json.RawMessage) int {
	depth := 0
	deeper := func(inner json.RawMessage) { depth = max(depth, 1+oracleDepth(inner)) }
	switch value[0] {
	case '[':
		var list []json.RawMessage
		_ = json.Unmarshal(value, &list)
		for _, inner := range list {
			deeper(inner)
		}
	case '{':
		members, _ := oracleMembers(value)
		for _, m := range members {
			deeper(m.value)
		}
	}
	return depth
}

// FuzzAppendJSONString holds what AppendField writes against encoding/json: it
// decodes to the same text, with U+FFFD for each byte that is not UTF-8.
func FuzzAppendJSONString(f *testing.F) {
	f.Add("name", "value")
	f.Add("i", "KEYS\x01k1\x02user\x01\"\\/\n\r\t\b\f\x7fé\u2028\U0001F600\x02")
	f.Add("\xff", "\xed\xa0\x80\xc3")
	f.Fuzz(func(t *testing.T, name, value string) {
		member := headers.AppendField(nil, headers.JSON, name, value)
		if value == "" {
			require.Empty(t, member)
			return
		}
		var got map[string]string
		require.NoError(t, json.Unmarshal([]byte("{"+string(member)+"}"), &got))
		require.Equal(t, map[string]string{validUTF8(name): validUTF8(value)}, got)
	})
}

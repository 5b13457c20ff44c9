package headers_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Headers that are odd and must be taken all the same.
func TestParseJSONHeaderTolerant(t *testing.T) {
	bare := headers.Command{Language: headers.LanguageUnknown}
	with := func(change func(*headers.Command)) headers.Command {
		c := bare
		change(&c)
		return c
	}
	remark := func(text string) headers.Command {
		return with(func(c *headers.Command) { c.Remark = []byte(text) })
	}
	tests := []struct {
		name, header string
		want         headers.Command
		ext          map[string]string
	}{
		{"nothing", `{}`, bare, nil},
		{"white space", " \t\r\n{ \"code\" : 1 , \"flag\" : 2 } \n", with(func(c *headers.Command) { c.Code, c.Flag = 1, 2 }), nil},
		{"no opaque", `{"code":1}`, with(func(c *headers.Command) { c.Code = 1 }), nil},
		{"numbers at their limits", `{"code":2147483647,"opaque":-2147483648,"version":-0}`, with(func(c *headers.Command) {
			c.Code, c.Opaque = 2147483647, -2147483648
		}), nil},
		{"null numbers", `{"code":null,"opaque":null}`, bare, nil},
		{"null language", `{"language":null}`, bare, nil},
		{"unknown language", `{"language":"COBOL"}`, bare, nil},
		{"language as a number", `{"language":9}`, bare, nil},
		{"escaped language", `{"language":"\u0047O"}`, with(func(c *headers.Command) { c.Language = headers.LanguageGo }), nil},
		{"null remark", `{"remark":null}`, bare, nil},
		{"remark", `{"remark":"\"\\\/\b\f\n\r\té😀"}`, remark("\"\\/\b\f\n\r\té😀"), nil},
		{"surrogate pair", `{"remark":"\ud83d\ude00"}`, remark("😀"), nil},
		{"lone high surrogate", `{"remark":"a\ud83db"}`, remark("a\uFFFDb"), nil},
		{"lone low surrogate", `{"remark":"\ude00"}`, remark("\uFFFD"), nil},
		{"surrogates in the wrong order", `{"remark":"\ude00\ud83d"}`, remark("\uFFFD\uFFFD"), nil},
		{"high surrogate before an ordinary escape", `{"remark":"\ud83d\u0041\n"}`, remark("\uFFFDA\n"), nil},
		{"high surrogate before a pair", `{"remark":"\ud83d\ud83d\ude00"}`, remark("\uFFFD😀"), nil},
		{"bytes that are not UTF-8", "{\"remark\":\"\xff\xc3\"}", remark("\xff\xc3"), nil},
		{"unknown members", `{"x":[1,{"y":[]},"\u0000",true,null,-1.5E+3],"code":1}`, with(func(c *headers.Command) { c.Code = 1 }), nil},
		{"nesting up to the bound", `{"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, bare, nil},
		{"member twice", `{"code":1,"code":2}`, with(func(c *headers.Command) { c.Code = 2 }), nil},
		{"names differ by case", `{"Code":1,"CODE":2}`, bare, nil},
		{"escaped member name", `{"\u0063ode":1}`, with(func(c *headers.Command) { c.Code = 1 }), nil},
		{"null ext", `{"extFields":null}`, bare, nil},
		{"ext that is no object", `{"extFields":"x"}`, bare, nil},
		{"empty ext", `{"extFields":{ }}`, bare, nil},
		{"ext", `{"extFields":{ "a" : "b" , "":"","\u0061\n":"\u0062" }}`, bare, map[string]string{"a": "b", "": "", "a\n": "b"}},
		{"ext scalars", `{"extFields":{"i":-1,"f":1.50,"t":true,"n":null}}`, bare, map[string]string{"i": "-1", "f": "1.50", "t": "true"}},
		{"ext field twice", `{"extFields":{"a":"1","a":"2"}}`, bare, map[string]string{"a": "2"}},
		{"ext twice", `{"extFields":{"a":"1"},"extFields":{"b":"2"}}`, bare, map[string]string{"b": "2"}},
		{"ext, then null", `{"extFields":{"a":"1"},"extFields":null}`, bare, map[string]string{"a": "1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := headers.ParseFrame(headerFrame(headers.JSON, test.header))
			require.NoError(t, err)
			ext := fieldMap(c.Fields)
			if test.ext == nil {
				test.ext = map[string]string{}
			}
			require.Equal(t, test.ext, ext)
			c.Fields = headers.Fields{}
			require.Equal(t, test.want, c)
		})
	}
}

func TestParseBinaryHeaderTolerant(t *testing.T) {
	c, err := headers.ParseFrame(headerFrame(headers.Binary, binaryStart+none+none))
	require.NoError(t, err)
	require.Equal(t, int32(10), c.Code)
	require.Nil(t, c.Remark)
	require.Empty(t, fieldMap(c.Fields))

	// Unknown language, negative code, version, opaque and flag.
	start := "\xff\xfe\xc8\xff\xff\xff\xff\xff\xfd\xff\xff\xff\xfc"
	fields := "\x00\x00" + none + "\x00\x01a\x00\x00\x00\x011\x00\x01a\x00\x00\x00\x012"
	c, err = headers.ParseFrame(append(headerFrame(headers.Binary, start+"\x00\x00\x00\x02\xff\x00\x00\x00\x00\x16"+fields), "body"...))
	require.NoError(t, err)
	require.Equal(t, int32(-2), c.Code)
	require.Equal(t, "UNKNOWN", c.Language.String())
	require.Equal(t, headers.Version(-1), c.Version)
	require.Equal(t, int32(-3), c.Opaque)
	require.Equal(t, int32(-4), c.Flag)
	require.Equal(t, "\xff\x00", string(c.Remark))
	require.Equal(t, "body", string(c.Body))
	require.Equal(t, map[string]string{"": "", "a": "2"}, fieldMap(c.Fields))
}

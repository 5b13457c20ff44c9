package headers_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The subscriptions are those that FilterAPI of 5.5.0 made, its sets sorted.
func TestNewSubscription(t *testing.T) {
	tests := map[string]struct {
		text  string
		tags  []string
		codes []int32
	}{
		"":             {"*", nil, nil},
		"*":            {"*", nil, nil},
		"a":            {"a", []string{"a"}, []int32{97}},
		"a || b":       {"a || b", []string{"a", "b"}, []int32{97, 98}},
		"b||a":         {"b||a", []string{"a", "b"}, []int32{97, 98}},
		" a ||  | b":   {" a ||  | b", []string{"a", "| b"}, []int32{97, 120254}},
		"a||a":         {"a||a", []string{"a"}, []int32{97}},
		"TagA || é":    {"TagA || é", []string{"TagA", "é"}, []int32{233, 2598919}},
		"a|b":          {"a|b", []string{"a|b"}, []int32{97159}},
		"a  b":         {"a  b", []string{"a  b"}, []int32{2921569}},
		"* || a":       {"* || a", []string{"*", "a"}, []int32{42, 97}},
		"BB || Aa":     {"BB || Aa", []string{"Aa", "BB"}, []int32{2112}},
		"\u00a0a":      {"\u00a0a", []string{"\u00a0a"}, []int32{160*31 + 97}},
		"\t\x00a\n":    {"\t\x00a\n", []string{"a"}, []int32{97}},
		"😀":            {"😀", []string{"😀"}, []int32{1772899}},
		"zzzzzzz || a": {"zzzzzzz || a", []string{"a", "zzzzzzz"}, []int32{97, 215481018}},

		"polygenelubricants": {"polygenelubricants", []string{"polygenelubricants"}, []int32{-1 << 31}},
	}
	for expression, test := range tests {
		t.Run(expression, func(t *testing.T) {
			got, err := headers.NewSubscription("t", expression, 7)
			require.NoError(t, err)
			require.Equal(t, headers.SubscriptionData{
				Topic: "t", Expression: test.text, ExpressionType: "TAG", Version: 7, Tags: test.tags, Codes: test.codes,
			}, got)
		})
	}
	for _, expression := range []string{"||", "|| ||", " ", " || \t"} {
		got, err := headers.NewSubscription("t", expression, 7)
		require.ErrorIs(t, err, headers.ErrExpression)
		require.Zero(t, got)
	}
	all, err := json.Marshal(headers.SubscriptionData{Topic: "t", Expression: "*", ExpressionType: "TAG", Version: 1})
	require.NoError(t, err)
	require.JSONEq(t, `{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":"t"}`, string(all))
}

// rocketmq-client-go puts the codes of tags in quotes.
func TestSubscriptionWithCodesInQuotes(t *testing.T) {
	want := headers.SubscriptionData{
		Topic: "t", Expression: "a || b", ExpressionType: "TAG", Version: 7, Tags: []string{"a", "b"}, Codes: []int32{97, -98},
	}
	for _, codes := range []string{`[97,-98]`, `["97","-98"]`, `[97,"-98"]`} {
		var got headers.SubscriptionData
		require.NoError(t, json.Unmarshal([]byte(`{"codeSet":`+codes+`,"expressionType":"TAG","subString":"a || b","subVersion":7,"tagsSet":["a","b"],"topic":"t"}`), &got))
		require.Equal(t, want, got)
	}
	for _, codes := range []string{`["a"]`, `[1.5]`, `[4294967296]`, `["4294967296"]`, `[true]`, `7`} {
		var got headers.SubscriptionData
		require.Error(t, json.Unmarshal([]byte(`{"codeSet":`+codes+`}`), &got), codes)
	}
	for codes, want := range map[string][]int32{`null`: nil, `[]`: {}} {
		var got headers.SubscriptionData
		require.NoError(t, json.Unmarshal([]byte(`{"codeSet":`+codes+`}`), &got))
		require.Equal(t, want, got.Codes)
	}
}

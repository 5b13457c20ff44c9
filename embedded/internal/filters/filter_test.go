package filters_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// record is a stored message with a property.
func record(t *testing.T, name, value string) []byte {
	t.Helper()
	raw, err := body.AppendStored(nil, &body.StoredMessage{Topic: "topic", Properties: headers.AppendProperty(nil, name, value)})
	require.NoError(t, err)
	return raw
}

func TestFilters(t *testing.T) {
	blue, five := record(t, "TAGS", "blue"), record(t, "a", "5")
	passes := func(f filters.Filter, tag string, raw []byte) bool {
		return f.PassesHash(headers.HashCode(tag)) && f.PassesRecord(raw)
	}
	for _, c := range []struct {
		kind, expression   string
		pull, pop          bool // whether it is taken
		pullBlue, pullFive bool
		popBlue, popFive   bool
	}{
		{"TAG", "blue", true, true, true, false, true, false},
		{"", "*", true, true, true, true, true, true},
		{"TAG", "||", false, false, false, false, false, false},
		{"SQL92", "a = 5", true, true, false, true, false, true},
		{"SQL92", "a =", true, false, true, true, false, false},
		{"SQL92", "", false, true, true, true, true, true},
		{"OTHER", "a = 5", true, false, true, true, false, false},
	} {
		pull, ok := filters.OfPull(c.kind, c.expression, headers.Version5_5_0)
		require.Equal(t, c.pull, ok, c.expression)
		if ok {
			require.Equal(t, c.pullBlue, passes(pull, "blue", blue), c.expression)
			require.Equal(t, c.pullFive, passes(pull, "", five), c.expression)
		}
		pop, ok := filters.OfPop(c.kind, c.expression, headers.Version5_5_0)
		require.Equal(t, c.pop, ok, c.expression)
		if ok {
			require.Equal(t, c.popBlue, passes(pop, "blue", blue), c.expression)
			require.Equal(t, c.popFive, passes(pop, "", five), c.expression)
		}
	}
	var none filters.Filter
	require.False(t, passes(none, "blue", blue))
	expression, ok := filters.Compile("SQL92", "TAGS CONTAINS 'lu'", headers.Version5_1_3)
	require.True(t, ok)
	require.True(t, passes(expression, "blue", blue))
	require.False(t, passes(expression, "blue", blue[:20]), "no message")
	expression, ok = filters.Compile("SQL92", "TAGS CONTAINS 'lu'", headers.Version5_1_1)
	require.True(t, ok)
	require.False(t, passes(expression, "blue", blue), "TAGS alone is neither true nor false")
}

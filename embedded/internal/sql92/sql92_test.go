package sql92_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sql92"
)

type properties map[string]string

func (p properties) Get(name string) []byte {
	if s, ok := p[name]; ok {
		return []byte(s)
	}
	return nil
}

// message has what the expressions below are about. What real brokers say of them is in
// TestSQL92 of package embedded.
var message = properties{"a": "5", "b": "text", "f": "2.5", "e": "", "t": "true", "s": " 7d "}

func TestSelects(t *testing.T) {
	for expression, want := range map[string]bool{
		"a = 5":                        true,
		"a = '5'":                      true,
		"a <> 5":                       false,
		"a > 4 AND a < 6":              true,
		"f > 2":                        false, // it is no integer
		"f > 2.0":                      true,
		"f > 2 OR a = 5":               false,
		"a = 5 OR f > 2":               true,
		"a BETWEEN 1 AND 5":            true,
		"a NOT BETWEEN 1 AND 5":        false,
		"a BETWEEN -1 AND 5":           true,
		"b IN ('x', 'text')":           true,
		"b NOT IN ('x')":               true,
		"none IN ('x')":                false,
		"none NOT IN ('x')":            false,
		"none IS NULL":                 true,
		"b IS NOT NULL":                true,
		"e IS NULL":                    false,
		"none = 1":                     false,
		"NOT (none = 1)":               false,
		"1 <> none":                    true,
		"none = nothing":               true,
		"b CONTAINS 'ex'":              true,
		"b NOT CONTAINS 'ex'":          false,
		"none NOT CONTAINS 'ex'":       false,
		"b STARTSWITH 'te'":            true,
		"b ENDSWITH 'te'":              false,
		"b NOT ENDSWITH 'te'":          true,
		"t":                            false,
		"t = TRUE":                     true,
		"TRUE = t":                     false,
		"TRUE":                         true,
		"NOT FALSE":                    true,
		"NULL IS NULL":                 true,
		"NOT a = 5":                    false,
		"(a = 5) = TRUE":               true,
		"a = 5 and what follows is ()": false,
		"a = 5 what follows 'is () #":  true,
		"s > 6.5":                      true,
		"s > 6":                        false,
		"a > f":                        true,
		"b > f":                        false,
		"- a = -5":                     false,
		"5 = +5":                       true,
		"-5 = - 5 /* a * comment */":   true,
		"a = -- a comment\n5":          true,
		"a = 5L":                       true,
		"a = 9223372036854775807":      false,
		"a = 0.5e1":                    true,
		"b = 'it''s'":                  false,
		"a is not null aNd b = 'text'": true,
	} {
		e, err := sql92.Parse(expression, true)
		require.NoError(t, err, expression)
		require.Equal(t, want, e.Selects(message), expression)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, expression := range []string{
		"", " ", "'b'", "5", "a =", "a = 'x", "a = 5 #", "a IS", "a IS 5", "a NOT", "a NOT = 5", "= 5", "(a = 5",
		"a IN ()", "a IN (5)", "a IN ('x'", "'a' IN ('a')", "5 IN ('5')", "a > 'x'", "a > TRUE", "a > NULL", "a = NULL",
		"TRUE = 5", "a BETWEEN 5 AND 1", "a BETWEEN 1", "a BETWEEN 'a' AND 'b'", "a CONTAINS 5", "a CONTAINS b",
		"a = 9223372036854775808", "a = 0.0", "a = 1e400", "a = 1e-400", "(a = 5) > 1", "a AND 5", "-a", "a = %", "a == 5",
		"a != 5", "a LIKE '%'x", "AND", "NOT", "a = 5 OR", "\"a\" = 5", "a = 5 '", "ä = 5",
	} {
		_, err := sql92.Parse(expression, true)
		if strings.HasPrefix(expression, "a LIKE") {
			require.NoError(t, err, "what follows a property is not looked at")
			continue
		}
		var syntax *sql92.SyntaxError
		require.ErrorAs(t, err, &syntax, expression)
		require.Contains(t, err.Error(), "sql92: ")
	}
}

// Before 5.1.3 the words that look for a text in another are names, which end an expression.
func TestWithoutMatching(t *testing.T) {
	e, err := sql92.Parse("b CONTAINS 'ex'", false)
	require.NoError(t, err)
	require.False(t, e.Selects(message))
}

// longest is how many bytes an expression may have.
const longest = 64 << 10

// Expressions as deep or as long as a frame has room for neither take the stack nor for ever.
func TestDepth(t *testing.T) {
	const many = longest / 10
	for _, expression := range []string{
		strings.Repeat("(", many) + "a = 5" + strings.Repeat(")", many),
		strings.Repeat("NOT ", many) + "TRUE",
		"a = " + strings.Repeat("-", many) + "5",
		"a" + strings.Repeat(" = a", many),
		strings.Repeat("(a = a = a) = (", 800) + "a = a" + strings.Repeat(")", 800),
	} {
		_, err := sql92.Parse(expression, true)
		require.ErrorContains(t, err, "too deep")
	}
	const link = " AND (a = 5 OR a > 7 AND NOT (a = 3))"
	long, err := sql92.Parse("a = 5"+strings.Repeat(link, longest/len(link)-1), true)
	require.NoError(t, err)
	require.True(t, long.Selects(message))
	_, err = sql92.Parse("a = 5"+strings.Repeat(link, longest/len(link)+1), true)
	require.ErrorContains(t, err, "65536")
	nested, err := sql92.Parse(strings.Repeat("(", 900)+"a = 5"+strings.Repeat(")", 900), true)
	require.NoError(t, err)
	require.True(t, nested.Selects(message))
}

// FuzzSQL92: whatever the expression, it is one or a *SyntaxError, and evaluated to the same
// twice.
func FuzzSQL92(f *testing.F) {
	for _, seed := range []string{
		"a = 5", "a NOT BETWEEN 1 AND 5.5", "b IN ('x', 'it''s')", "NOT (a IS NULL OR b IS NOT NULL)", "-5 <> +f", "b STARTSWITH 'te'",
		"t = TRUE AND 9223372036854775807l > a", "a /* x */ = -- y\n 5", "((((", "'", "5.e", "a = 1e5 = f", "b NOT CONTAINS '' AND s >= .5E-3",
	} {
		f.Add(seed, "5", true)
	}
	f.Fuzz(func(t *testing.T, expression, value string, matching bool) {
		e, err := sql92.Parse(expression, matching)
		if err != nil {
			var syntax *sql92.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.Less(t, len(err.Error()), 200)
			return
		}
		p := properties{"a": value, "b": "text", "f": "2.5", "": value}
		require.Equal(t, e.Selects(p), e.Selects(p))
	})
}

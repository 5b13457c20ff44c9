package sql92

import (
	"cmp"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// class is the type of a value, as Java has it. The order of numbers is that in which one is
// turned into another for a comparison.
type class int

const (
	null class = iota
	boolean
	str
	integer // of 32 bits
	long
	double
)

// value is NULL, or of one of the types.
type value struct {
	class class
	truth bool
	text  string
	whole int64
	real  float64
}

func truth(b bool) value     { return value{class: boolean, truth: b} }
func textOf(s string) value  { return value{class: str, text: s} }
func isTrue(v value) bool    { return v.class == boolean && v.truth }
func isFalse(v value) bool   { return v.class == boolean && !v.truth }
func isNumber(v value) bool  { return v.class >= integer }
func asDouble(v value) value { return value{class: double, real: v.asReal()} }
func (v value) asReal() float64 {
	if v.class == double {
		return v.real
	}
	return float64(v.whole)
}

// errCompare means that two values cannot be compared: an expression that tries it selects
// nothing.
var errCompare = errors.New("sql92: values cannot be compared")

// unequal is what values of different types are that nobody tries to compare: the first one
// is less.
const unequal = -1

// compare compares values that are not NULL (ComparisonExpression.__compare).
func compare(l, r value) (int, error) {
	var err error
	switch {
	case l.class == r.class:
	case l.class == boolean:
		if r.class == str {
			return 0, errCompare // Java fails to cast it
		}
		return unequal, nil
	case l.class == str:
		l, err = parseAs(r.class, l.text)
	case r.class == str:
		r, err = parseAs(l.class, r.text)
	case r.class == boolean:
		return unequal, nil
	default:
		common := max(l.class, r.class)
		l, r = widen(l, common), widen(r, common)
	}
	if err != nil {
		return 0, err
	}
	switch l.class {
	case boolean:
		return cmp.Compare(number(l.truth), number(r.truth)), nil
	case str:
		return strings.Compare(l.text, r.text), nil
	case double:
		return compareReals(l.real, r.real), nil
	default:
		return cmp.Compare(l.whole, r.whole), nil
	}
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func widen(v value, to class) value {
	if to == double {
		return asDouble(v)
	}
	v.class = to
	return v
}

// compareReals is Double.compareTo: NaN is the greatest and equal to itself, and -0 less
// than 0.
func compareReals(l, r float64) int {
	switch {
	case math.IsNaN(l) || math.IsNaN(r):
		return cmp.Compare(number(math.IsNaN(l)), number(math.IsNaN(r)))
	case l == 0 && r == 0:
		return cmp.Compare(number(math.Signbit(r)), number(math.Signbit(l)))
	}
	return cmp.Compare(l, r)
}

// parseAs reads a property as a value of another type.
func parseAs(c class, s string) (value, error) {
	switch c {
	case boolean:
		return truth(strings.EqualFold(s, "true")), nil
	case integer, long:
		bits := 64
		if c == integer {
			bits = 32
		}
		n, err := strconv.ParseInt(s, 10, bits)
		if err != nil {
			return value{}, errCompare
		}
		return value{class: c, whole: n}, nil
	default:
		return parseDouble(s)
	}
}

// javaDouble is what Double.valueOf reads, without space around it and the letter of a type
// behind it.
var javaDouble = regexp.MustCompile(`^[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|` +
	`0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?[0-9]+)$`)

func parseDouble(s string) (value, error) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if digits := strings.TrimRight(s, "fFdD"); len(s)-len(digits) == 1 && !strings.Contains(digits, "N") && !strings.Contains(digits, "I") {
		s = digits // the letter of a type
	}
	if !javaDouble.MatchString(s) {
		return value{}, errCompare
	}
	// Out of range, it is infinite or 0 as in Java.
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return value{}, errCompare
	}
	return value{class: double, real: f}, nil
}

package sql92

import "strings"

// Properties are those of a message.
type Properties interface {
	// Get returns the value of a property, nil if the message does not have it.
	Get(name string) []byte
}

// node is part of an expression. A value of it that cannot be had, which is an error, has the
// whole expression select nothing.
type node interface {
	eval(p Properties) (value, error)
}

// isBoolean reports whether n says yes or no (BooleanExpression).
func isBoolean(n node) bool {
	switch n := n.(type) {
	case property, negate:
		return false
	case constant:
		return n.class <= boolean
	}
	return true
}

// asBoolean makes a node that says yes or no, which a number or a text does not.
func asBoolean(n node) (node, error) {
	if _, ok := n.(property); ok {
		return cast{n}, nil
	}
	if !isBoolean(n) {
		return nil, &SyntaxError{"a value that is neither true nor false"}
	}
	return n, nil
}

type constant struct{ value }

func (c constant) eval(Properties) (value, error) { return c.value, nil }

type property string

func (n property) eval(p Properties) (value, error) {
	if s := p.Get(string(n)); s != nil {
		return textOf(string(s)), nil
	}
	return value{}, nil
}

// cast takes a property for true or false, which as a text it never is: false.
type cast struct{ of node }

func (n cast) eval(p Properties) (value, error) {
	v, err := n.of.eval(p)
	if err != nil || v.class == null {
		return value{}, err
	}
	return truth(isTrue(v)), nil
}

type not struct{ of node }

func (n not) eval(p Properties) (value, error) {
	v, err := n.of.eval(p)
	if err != nil || v.class == null {
		return value{}, err
	}
	return truth(!isTrue(v)), nil
}

// negate is NULL of what is no number.
type negate struct{ of node }

func (n negate) eval(p Properties) (value, error) {
	v, err := n.of.eval(p)
	if err != nil || !isNumber(v) {
		return value{}, err
	}
	v.whole, v.real = -v.whole, -v.real
	return v, nil
}

// logic is a chain of AND or of OR.
type logic struct {
	or    bool
	parts []node
}

func (n logic) eval(p Properties) (value, error) {
	unknown := false
	for _, part := range n.parts {
		v, err := part.eval(p)
		switch {
		case err != nil:
			return value{}, err
		case n.or && isTrue(v), !n.or && isFalse(v):
			return v, nil
		case v.class == null:
			unknown = true
		}
	}
	if unknown {
		return value{}, nil
	}
	return truth(!n.or), nil
}

// match looks for a text in another.
type match struct {
	operator string
	of       node
	search   string
	negated  bool
}

func (n match) eval(p Properties) (value, error) {
	if n.search == "" {
		return truth(false), nil
	}
	v, err := n.of.eval(p)
	if err != nil || v.class != str {
		return truth(false), err
	}
	var found bool
	switch n.operator {
	case "CONTAINS":
		found = strings.Contains(v.text, n.search)
	case "STARTSWITH":
		found = strings.HasPrefix(v.text, n.search)
	default:
		found = strings.HasSuffix(v.text, n.search)
	}
	return truth(found != n.negated), nil
}

type in struct {
	of      property
	set     map[string]bool
	negated bool
}

func (n in) eval(p Properties) (value, error) {
	v, err := n.of.eval(p)
	if err != nil || v.class == null {
		return value{}, err
	}
	return truth(n.set[v.text] != n.negated), nil
}

package sql92

// equal is also IS NULL, whose right side is NULL.
type equal struct{ left, right node }

// newEqual makes a node for =. NULL is for IS only, and TRUE and FALSE are not compared with
// other constants.
func newEqual(left, right node) (node, error) {
	l, constantLeft := left.(constant)
	r, constantRight := right.(constant)
	switch {
	case constantLeft && l.class == null, constantRight && r.class == null:
		return nil, &SyntaxError{"NULL cannot be compared"}
	case constantLeft && constantRight && l.class == boolean && r.class != boolean:
		return nil, &SyntaxError{"a truth value cannot be compared with another constant"}
	}
	return equal{left, right}, nil
}

func (n equal) eval(p Properties) (value, error) {
	l, err := n.left.eval(p)
	if err != nil {
		return value{}, err
	}
	r, err := n.right.eval(p)
	switch {
	case err != nil:
		return value{}, err
	case l.class == null && r.class == null:
		return truth(true), nil
	case l.class == null:
		return value{}, nil
	case r.class == null:
		return truth(false), nil
	}
	order, err := compare(l, r)
	return truth(order == 0), err
}

// order is one of < <= > >=.
type order struct {
	operator    string
	left, right node
}

// newOrder makes a node for a comparison, of properties and numbers only.
func newOrder(operator string, left, right node) (node, error) {
	for _, n := range [...]node{left, right} {
		if c, ok := n.(constant); ok && !isNumber(c.value) || isBoolean(n) {
			return nil, &SyntaxError{"a value that cannot be compared by " + operator}
		}
	}
	return order{operator, left, right}, nil
}

// newBetween makes a node for BETWEEN.
func newBetween(of, low, high node, negated bool) (node, error) {
	l, constantLow := low.(constant)
	h, constantHigh := high.(constant)
	if constantLow && constantHigh && !negated && isNumber(l.value) && isNumber(h.value) {
		if n, err := compare(h.value, l.value); err != nil || n < 0 {
			return nil, &SyntaxError{"the first value of BETWEEN is greater than the second"}
		}
	}
	atLeast, atMost := ">=", "<="
	if negated {
		atLeast, atMost = "<", ">"
	}
	first, err := newOrder(atLeast, of, low)
	if err != nil {
		return nil, err
	}
	second, err := newOrder(atMost, of, high)
	if err != nil {
		return nil, err
	}
	return logic{negated, []node{first, second}}, nil
}

func (n order) eval(p Properties) (value, error) {
	l, err := n.left.eval(p)
	if err != nil || l.class == null {
		return value{}, err
	}
	r, err := n.right.eval(p)
	if err != nil || r.class == null {
		return value{}, err
	}
	if l.class == str && r.class == str {
		if l, err = parseDouble(l.text); err != nil {
			return value{}, err
		}
		if r, err = parseDouble(r.text); err != nil {
			return value{}, err
		}
	}
	order, err := compare(l, r)
	if err != nil {
		return value{}, err
	}
	switch n.operator {
	case "<":
		return truth(order < 0), nil
	case "<=":
		return truth(order <= 0), nil
	case ">":
		return truth(order > 0), nil
	default:
		return truth(order >= 0), nil
	}
}

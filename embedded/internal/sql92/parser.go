package sql92

import (
	"fmt"
	"math"
	"strconv"
)

// maxDepth bounds how deep an expression is nested. Java's parser ends with its stack.
const maxDepth = 1000

// longest is how many bytes an expression may have: it is looked at for many messages.
const longest = 64 << 10

// SyntaxError says why there is no such expression.
type SyntaxError struct{ reason string }

func (e *SyntaxError) Error() string { return "sql92: " + e.reason }

// Parse reads an expression. matching says whether CONTAINS, STARTSWITH and ENDSWITH are
// words, as from 5.1.3 on. An error is a *SyntaxError.
func Parse(expression string, matching bool) (*Expression, error) {
	if len(expression) > longest {
		return nil, &SyntaxError{fmt.Sprintf("an expression of %d bytes, more than %d", len(expression), longest)}
	}
	p := parser{lexer: lexer{rest: expression, matching: matching}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if n, err = asBoolean(n); err != nil {
		return nil, err
	}
	return &Expression{n}, nil
}

// parser has a method for each rule of the grammar. token is the one that comes next, after
// the one after it if that was looked at.
type parser struct {
	lexer  lexer
	token  token
	after  token
	peeked bool
	depth  int
}

func (p *parser) advance() (err error) {
	if p.peeked {
		p.token, p.peeked = p.after, false
		return nil
	}
	p.token, err = p.lexer.next()
	return err
}

// follows reports whether the token after the next one is that word.
func (p *parser) follows(image string) (bool, error) {
	if !p.peeked {
		var err error
		if p.after, err = p.lexer.next(); err != nil {
			return false, err
		}
		p.peeked = true
	}
	return p.after.is(image), nil
}

// accept passes over the next token if it is that symbol or word.
func (p *parser) accept(image string) (bool, error) {
	if !p.token.is(image) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) expect(image string) error {
	if ok, err := p.accept(image); ok || err != nil {
		return err
	}
	return p.unexpected("want " + image)
}

func (p *parser) unexpected(want string) error {
	if p.token.kind == end {
		return &SyntaxError{"unexpected end, " + want}
	}
	return &SyntaxError{"unexpected " + excerpt(p.token.image) + ", " + want}
}

func (p *parser) or() (node, error)  { return p.chain("OR", p.and) }
func (p *parser) and() (node, error) { return p.chain("AND", p.equality) }

// chain reads expressions between which the same word stands.
func (p *parser) chain(operator string, part func() (node, error)) (node, error) {
	left, err := part()
	if err != nil || !p.token.is(operator) {
		return left, err
	}
	if left, err = asBoolean(left); err != nil {
		return nil, err
	}
	all := logic{or: operator == "OR", parts: []node{left}}
	for {
		more, err := p.accept(operator)
		if err != nil || !more {
			return all, err
		}
		right, err := part()
		if err != nil {
			return nil, err
		}
		if right, err = asBoolean(right); err != nil {
			return nil, err
		}
		all.parts = append(all.parts, right)
	}
}

// deeper notes that the tree grows by a level. What is nested too deep, or compared with too
// much in one go, is no expression.
func (p *parser) deeper() error {
	if p.depth++; p.depth > maxDepth {
		return &SyntaxError{"it is nested too deep"}
	}
	return nil
}

// longer is deeper for the comparisons of one value beyond the first, of which there are
// few in an expression that means something.
func (p *parser) longer(n int) error {
	if n == 0 {
		return nil
	}
	return p.deeper()
}

func (p *parser) equality() (node, error) {
	left, err := p.comparison()
	for n := 0; err == nil && (p.token.is("=") || p.token.is("<>") || p.token.is("IS")); n++ {
		if err = p.longer(n); err != nil {
			break
		}
		operator := p.token.image
		if err = p.advance(); err != nil {
			break
		}
		if operator == "IS" {
			left, err = p.isNull(left)
			continue
		}
		var right node
		if right, err = p.comparison(); err != nil {
			break
		}
		if left, err = newEqual(left, right); operator == "<>" {
			left = not{left}
		}
	}
	return left, err
}

func (p *parser) isNull(left node) (node, error) {
	negated, err := p.accept("NOT")
	if err != nil {
		return nil, err
	}
	if err := p.expect("NULL"); err != nil {
		return nil, err
	}
	var n node = equal{left, constant{}}
	if negated {
		n = not{n}
	}
	return n, nil
}

func (p *parser) comparison() (node, error) {
	left, err := p.unary()
	for n := 0; err == nil && p.compares(); n++ {
		if err = p.longer(n); err != nil {
			break
		}
		left, err = p.compared(left)
	}
	return left, err
}

// compares reports whether a comparison goes on.
func (p *parser) compares() bool {
	for _, image := range [...]string{">", ">=", "<", "<=", "NOT", "BETWEEN", "IN", "CONTAINS", "STARTSWITH", "ENDSWITH"} {
		if p.token.is(image) {
			return true
		}
	}
	return false
}

// compared reads what left is compared with.
func (p *parser) compared(left node) (node, error) {
	negated := p.token.is("NOT")
	if negated {
		if err := p.negates(); err != nil {
			return nil, err
		}
	}
	operator := p.token.image
	if err := p.advance(); err != nil {
		return nil, err
	}
	switch operator {
	case "BETWEEN":
		return p.between(left, negated)
	case "IN":
		return p.in(left, negated)
	case "CONTAINS", "STARTSWITH", "ENDSWITH":
		search, err := p.literalText()
		return match{operator, left, search, negated}, err
	}
	right, err := p.unary()
	if err != nil {
		return nil, err
	}
	return newOrder(operator, left, right)
}

// negates passes over NOT, behind which a word has to follow that can be negated.
func (p *parser) negates() error {
	for _, image := range [...]string{"CONTAINS", "STARTSWITH", "ENDSWITH", "BETWEEN", "IN"} {
		if ok, err := p.follows(image); ok || err != nil {
			if err != nil {
				return err
			}
			return p.advance()
		}
	}
	return p.unexpected("want an operator")
}

func (p *parser) between(left node, negated bool) (node, error) {
	low, err := p.unary()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AND"); err != nil {
		return nil, err
	}
	high, err := p.unary()
	if err != nil {
		return nil, err
	}
	return newBetween(left, low, high, negated)
}

func (p *parser) in(left node, negated bool) (node, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	set := make(map[string]bool)
	for {
		s, err := p.literalText()
		if err != nil {
			return nil, err
		}
		set[s] = true
		more, err := p.accept(",")
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	of, ok := left.(property)
	if !ok {
		return nil, &SyntaxError{"IN is for properties only"}
	}
	return in{of, set, negated}, nil
}

func (p *parser) literalText() (string, error) {
	if p.token.kind != text {
		return "", p.unexpected("want a text")
	}
	s := p.token.image
	return s, p.advance()
}

func (p *parser) unary() (node, error) {
	if err := p.deeper(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	operator := p.token
	if !operator.is("+") && !operator.is("-") && !operator.is("NOT") {
		return p.primary()
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.unary()
	switch {
	case err != nil:
		return nil, err
	case operator.is("-"):
		return negate{n}, nil
	case operator.is("NOT"):
		n, err = asBoolean(n)
		return not{n}, err
	}
	return n, nil
}

func (p *parser) primary() (node, error) {
	if ok, err := p.accept("("); ok || err != nil {
		if err != nil {
			return nil, err
		}
		n, err := p.or()
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	}
	n, err := p.literal()
	if err != nil {
		return nil, err
	}
	return n, p.advance()
}

// literal makes a node of the next token.
func (p *parser) literal() (node, error) {
	t := p.token
	switch {
	case t.kind == name:
		return property(t.image), nil
	case t.kind == text:
		return constant{textOf(t.image)}, nil
	case t.kind == decimal:
		n, err := strconv.ParseInt(t.image, 10, 64)
		if err != nil {
			return nil, &SyntaxError{"the number is too great: " + excerpt(t.image)}
		}
		v := value{class: long, whole: n}
		if n <= math.MaxInt32 {
			v.class = integer
		}
		return constant{v}, nil
	case t.kind == float:
		f, err := strconv.ParseFloat(t.image, 64)
		if err != nil || f == 0 { // ConstantExpression.createFloat takes 0.0 for too small
			return nil, &SyntaxError{"the number is too great or too small: " + excerpt(t.image)}
		}
		return constant{value{class: double, real: f}}, nil
	case t.is("TRUE"), t.is("FALSE"):
		return constant{truth(t.is("TRUE"))}, nil
	case t.is("NULL"):
		return constant{}, nil
	}
	return nil, p.unexpected("want a value")
}

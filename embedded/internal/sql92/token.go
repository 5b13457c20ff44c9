package sql92

import "strings"

// kind is what a token is. Operators and words that mean something have kinds of their own.
type kind int

const (
	end kind = iota
	name
	decimal
	float
	text
	symbol // any of = <> < <= > >= ( ) , + -
	word   // a reserved one, in capitals
)

type token struct {
	kind  kind
	image string // of a text, what it stands for
}

// is reports whether the token is that symbol or reserved word.
func (t token) is(image string) bool {
	return (t.kind == symbol || t.kind == word) && t.image == image
}

// reserved reports whether a name is a reserved word. matching says whether CONTAINS and its
// like are.
func reserved(image string, matching bool) bool {
	switch image {
	case "NOT", "AND", "OR", "BETWEEN", "IN", "TRUE", "FALSE", "NULL", "IS":
		return true
	case "CONTAINS", "STARTSWITH", "ENDSWITH":
		return matching
	}
	return false
}

// lexer takes an expression apart, one token at a time: what comes after a complete
// expression is never looked at.
type lexer struct {
	rest     string
	matching bool
}

// next returns the next token. Behind the last one it returns end.
func (l *lexer) next() (token, error) {
	l.skip()
	if l.rest == "" {
		return token{}, nil
	}
	switch c := l.rest[0]; {
	case isLetter(c):
		n := span(l.rest, func(c byte) bool { return isLetter(c) || isDigit(c) })
		image := l.take(n)
		if upper := strings.ToUpper(image); reserved(upper, l.matching) {
			return token{word, upper}, nil
		}
		return token{name, image}, nil
	case c == '\'':
		return l.text()
	case isDigit(c), c == '.' && len(l.rest) > 1 && isDigit(l.rest[1]):
		return l.number(), nil
	}
	for _, s := range [...]string{"<>", "<=", ">=", "<", ">", "=", "(", ")", ",", "+", "-"} {
		if strings.HasPrefix(l.rest, s) {
			return token{symbol, l.take(len(s))}, nil
		}
	}
	return token{}, &SyntaxError{"there is no token at " + excerpt(l.rest)}
}

func (l *lexer) take(n int) string {
	image := l.rest[:n]
	l.rest = l.rest[n:]
	return image
}

// skip passes over space and comments. A comment that does not end is none.
func (l *lexer) skip() {
	for {
		l.rest = strings.TrimLeft(l.rest, " \t\n\r\f")
		var close string
		switch {
		case strings.HasPrefix(l.rest, "--"):
			close = "\n\r"
		case strings.HasPrefix(l.rest, "/*"):
			close = "*/"
		default:
			return
		}
		at := strings.IndexAny(l.rest, close)
		if close == "*/" {
			if at = strings.Index(l.rest[2:], close); at >= 0 {
				at += 3
			}
		}
		if at < 0 {
			return
		}
		l.rest = l.rest[at+1:]
	}
}

// text reads a literal in quotation marks, which are doubled inside.
func (l *lexer) text() (token, error) {
	var b strings.Builder
	for i := 1; i < len(l.rest); i++ {
		if l.rest[i] != '\'' {
			b.WriteByte(l.rest[i])
			continue
		}
		if i+1 == len(l.rest) || l.rest[i+1] != '\'' {
			l.rest = l.rest[i+1:]
			return token{text, b.String()}, nil
		}
		b.WriteByte('\'')
		i++
	}
	return token{}, &SyntaxError{"a text has no end: " + excerpt(l.rest)}
}

// number reads a literal without a sign, as far as it goes: 007 is three of them.
func (l *lexer) number() token {
	digits := span(l.rest, isDigit)
	n := digits
	if n < len(l.rest) && l.rest[n] == '.' {
		n++
		n += span(l.rest[n:], isDigit)
	}
	if e := exponent(l.rest[n:]); e > 0 {
		n += e
	}
	switch {
	case n > digits:
		return token{float, l.take(n)}
	case l.rest[0] == '0':
		return token{decimal, l.take(1)}
	}
	image := l.take(digits)
	if l.rest != "" && (l.rest[0] == 'l' || l.rest[0] == 'L') {
		l.take(1)
	}
	return token{decimal, image}
}

// exponent is the length of the exponent that s begins with, 0 if it does not.
func exponent(s string) int {
	if s == "" || s[0] != 'e' && s[0] != 'E' {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	digits := span(s[n:], isDigit)
	if digits == 0 {
		return 0
	}
	return n + digits
}

// span is how many bytes at the beginning of s are in a set.
func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '$'
}

// excerpt is the beginning of s, for errors.
func excerpt(s string) string {
	const most = 20
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}

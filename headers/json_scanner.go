package headers

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds the nesting of members that are skipped. RocketMQ headers
// nest two deep; the bound keeps a hostile header from costing stack or time.
const maxJSONDepth = 32

// jsonScanner reads the JSON subset that headers are made of, straight from the
// frame and without building values. It is hand-written since an answer with a
// JSON header is on the path of every message; the fuzz test holds it against
// encoding/json.
type jsonScanner struct {
	buf []byte
	pos int
}

func (s *jsonScanner) skipSpace() {
	for s.pos < len(s.buf) {
		switch s.buf[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// accept consumes c if it is the next byte after white space.
func (s *jsonScanner) accept(c byte) bool {
	s.skipSpace()
	if s.pos < len(s.buf) && s.buf[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *jsonScanner) peek() byte {
	s.skipSpace()
	if s.pos < len(s.buf) {
		return s.buf[s.pos]
	}
	return 0
}

// str reads a string and returns its raw content between the quotes, and
// whether it holds escapes.
func (s *jsonScanner) str() (raw []byte, escaped bool, err error) {
	if !s.accept('"') {
		return nil, false, malformed("JSON header: want a string at byte %d", s.pos)
	}
	start := s.pos
	for {
		if s.pos += plainLength(s.buf[s.pos:]); s.pos == len(s.buf) {
			return nil, false, malformed("JSON header: string from byte %d has no end", start)
		}
		switch s.buf[s.pos] {
		case '"':
			raw = s.buf[start:s.pos]
			s.pos++
			return raw, escaped, nil
		case '\\':
			escaped = true
			size := escapeSize(s.buf[s.pos:])
			if size == 0 {
				return nil, false, malformed("JSON header: bad escape at byte %d", s.pos)
			}
			s.pos += size
		default:
			return nil, false, malformed("JSON header: bare control character at byte %d", s.pos)
		}
	}
}

// plainLength is how many bytes b begins with that stand for themselves in a string:
// no quote, backslash or control character. Most are in the list of message ids
// that a batch is answered with.
func plainLength(b []byte) int {
	n := 0
	for ; len(b)-n >= wordSize; n += wordSize {
		w := wordOf(b[n:])
		if special := w.below(' ') | w.equal('"') | w.equal('\\'); special != 0 {
			return n + special.first()
		}
	}
	for n < len(b) && b[n] >= ' ' && b[n] != '"' && b[n] != '\\' {
		n++
	}
	return n
}

// escapeSize returns the length of the escape sequence that b starts with, 0 if
// it is none.
func escapeSize(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && isHex(b[2]) && isHex(b[3]) && isHex(b[4]) && isHex(b[5]) {
			return 6
		}
	}
	return 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// unescape returns the text of a raw string that str has accepted. Without
// escapes that is the raw string itself.
func unescape(raw []byte, escaped bool) []byte {
	if !escaped {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		switch raw[i+1] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := hexRune(raw[i+2 : i+6])
			i += 6
			if utf16.IsSurrogate(r) && i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
				if pair := utf16.DecodeRune(r, hexRune(raw[i+2:i+6])); pair != utf8.RuneError {
					r = pair
					i += 6
				}
			}
			out = utf8.AppendRune(out, r) // a lone surrogate becomes U+FFFD
			continue
		default:
			out = append(out, raw[i+1])
		}
		i += 2
	}
	return out
}

func hexRune(b []byte) (r rune) {
	for _, c := range b {
		d := rune(c - '0')
		if c > '9' {
			d = rune(c|0x20-'a') + 10
		}
		r = r<<4 | d
	}
	return r
}

// scalar reads a number, true, false or null as raw text.
func (s *jsonScanner) scalar() ([]byte, error) {
	s.skipSpace()
	start := s.pos
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c == '-', c == '+', c == '.', c == 'E':
			s.pos++
			continue
		}
		break
	}
	text := s.buf[start:s.pos]
	switch string(text) {
	case "true", "false", "null":
		return text, nil
	}
	if isJSONNumber(text) {
		return text, nil
	}
	return nil, malformed("JSON header: %q at byte %d is no value", clip(text), start)
}

// isJSONNumber checks RFC 8259's grammar of a number.
func isJSONNumber(b []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		b = b[n:]
		return n > 0
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if len(b) > 1 && b[0] == '0' && b[1] >= '0' && b[1] <= '9' {
		return false
	}
	if !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		if b = b[1:]; !digits() {
			return false
		}
	}
	if len(b) > 0 && b[0]|0x20 == 'e' {
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// integer reads a number that fits an int32; null reads as 0.
func (s *jsonScanner) integer(name string) (int32, error) {
	text, err := s.scalar()
	if err != nil {
		return 0, err
	}
	if string(text) == "null" {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil {
		return 0, malformed("JSON header: %s is %q, want a 32-bit integer", name, clip(text))
	}
	return int32(n), nil
}

// object walks the members of an object. member is called with the scanner
// standing before the value, which it must consume.
func (s *jsonScanner) object(member func(name []byte) error) error {
	if !s.accept('{') {
		return malformed("JSON header: want an object at byte %d", s.pos)
	}
	if s.accept('}') {
		return nil
	}
	for {
		raw, escaped, err := s.str()
		if err != nil {
			return err
		}
		if !s.accept(':') {
			return malformed("JSON header: want ':' at byte %d", s.pos)
		}
		if err := member(unescape(raw, escaped)); err != nil {
			return err
		}
		if s.accept('}') {
			return nil
		}
		if !s.accept(',') {
			return malformed("JSON header: want ',' or '}' at byte %d", s.pos)
		}
	}
}

// skip reads over one value of any kind.
func (s *jsonScanner) skip(depth int) error {
	if depth > maxJSONDepth {
		return malformed("JSON header: nested deeper than %d", maxJSONDepth)
	}
	switch s.peek() {
	case '"':
		_, _, err := s.str()
		return err
	case '{':
		return s.object(func([]byte) error { return s.skip(depth + 1) })
	case '[':
		s.accept('[')
		if s.accept(']') {
			return nil
		}
		for {
			if err := s.skip(depth + 1); err != nil {
				return err
			}
			if s.accept(']') {
				return nil
			}
			if !s.accept(',') {
				return malformed("JSON header: want ',' or ']' at byte %d", s.pos)
			}
		}
	default:
		_, err := s.scalar()
		return err
	}
}

// fieldValue reads the value of an ext field: a string, or a bare scalar taken
// as its text. ok is false for null, which Java drops from the map.
func (s *jsonScanner) fieldValue() (value []byte, ok bool, err error) {
	if s.peek() == '"' {
		raw, escaped, err := s.str()
		if err != nil {
			return nil, false, err
		}
		return unescape(raw, escaped), true, nil
	}
	text, err := s.scalar()
	if err != nil {
		return nil, false, err
	}
	return text, string(text) != "null", nil
}

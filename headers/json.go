package headers

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendJSONString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, as JSON cannot carry them: callers check text that must survive.
func appendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, s[start:i]...)
			dst = append(dst, "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// walkJSONFields walks raw, an extFields object that parseJSONHeader has checked.
func walkJSONFields(raw []byte, yield func(name, value []byte) bool) {
	s := jsonScanner{buf: raw}
	if !s.accept('{') || s.accept('}') {
		return
	}
	for {
		name, escaped, err := s.str()
		if err != nil || !s.accept(':') {
			return
		}
		value, ok, err := s.fieldValue()
		if err != nil {
			return
		}
		if ok && !yield(unescape(name, escaped), value) {
			return
		}
		if !s.accept(',') {
			return
		}
	}
}

// parseJSONHeader fills c from a JSON header. Members that it does not know are
// read over, as Java does. An answer needs a code, which Java takes for 0 where it is
// missing: that would make a success of it.
func parseJSONHeader(c *Command, header []byte) error {
	s := jsonScanner{buf: header}
	hasCode := false
	err := s.object(func(name []byte) error {
		var err error
		switch string(name) {
		case "code":
			hasCode = s.peek() != 'n' // null
			c.Code, err = s.integer("code")
		case "flag":
			c.Flag, err = s.integer("flag")
		case "opaque":
			c.Opaque, err = s.integer("opaque")
		case "version":
			var v int32
			v, err = s.integer("version")
			c.Version = Version(v)
		case "language":
			var raw []byte
			if raw, _, err = s.fieldValue(); err == nil {
				c.Language = parseLanguage(raw)
			}
		case "remark":
			var ok bool
			var raw []byte
			if raw, ok, err = s.fieldValue(); err == nil && ok {
				c.Remark = raw
			}
		case "extFields":
			if s.peek() != '{' {
				return s.skip(0)
			}
			start := s.pos
			err = s.object(func([]byte) error {
				if c := s.peek(); c == '{' || c == '[' {
					return malformed("JSON header: ext field at byte %d is neither string nor scalar", s.pos)
				}
				return s.skip(0)
			})
			if err == nil {
				c.Fields = Fields{raw: header[start:s.pos], serialization: JSON}
			}
		default:
			err = s.skip(0)
		}
		return err
	})
	if err != nil {
		return err
	}
	if s.skipSpace(); s.pos != len(header) {
		return malformed("JSON header: %d bytes after its end", len(header)-s.pos)
	}
	if c.IsResponse() && !hasCode {
		return malformed("JSON header: answer without a code")
	}
	return nil
}

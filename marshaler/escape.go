package marshaler

import (
	"strings"
	"unicode/utf8"
)

const (
	upperHex = "0123456789ABCDEF"

	// escapedEmpty stands for the empty string, which Java drops.
	escapedEmpty = "%"
)

// escape writes text so that a properties string carries it: "%XX" for '%',
// 0x01, 0x02 and each byte that is not part of valid UTF-8, and a bare "%" for
// the empty string. It is injective.
func escape(text string) string {
	if text == "" {
		return escapedEmpty
	}
	return percentEncode(text, func(c byte) bool { return c == '%' || c == 0x01 || c == 0x02 })
}

// escapeKey writes text so that it is one search key: KEYS is split at spaces
// (MessageConst.KEY_SEPARATOR), and control characters would not survive being
// typed into a console. It is injective. The empty string has no key.
func escapeKey(text string) string {
	if isPlainKey(text) {
		return text
	}
	return percentEncode(text, specialInKey)
}

// specialInKey reports whether escapeKey does not leave an ASCII byte as it is.
func specialInKey(c byte) bool { return c <= ' ' || c == '%' || c == 0x7F }

// isPlainKey reports whether text has nothing but visible ASCII without '%', as
// UUIDs do.
func isPlainKey(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || specialInKey(c) {
			return false
		}
	}
	return true
}

// percentEncode writes "%XX" for the ASCII bytes that special picks and for each
// byte that is not part of valid UTF-8. Text without any is returned as it is.
func percentEncode(text string, special func(byte) bool) string {
	var b strings.Builder
	done := 0 // text[:done] is written
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		} else if !special(c) {
			i++
			continue
		}
		if done == 0 {
			b.Grow(len(text) + 8)
		}
		b.WriteString(text[done:i])
		b.WriteByte('%')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&0xF])
		i++
		done = i
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// unescape reverses escape. Text that escape cannot have written is not ok.
func unescape(text string) (string, bool) {
	if text == escapedEmpty {
		return "", true
	}
	plain, ok := percentDecode(text)
	if !ok || plain == "" || escape(plain) != text {
		return "", false
	}
	return plain, true
}

func percentDecode(text string) (string, bool) {
	cut := strings.IndexByte(text, '%')
	if cut < 0 {
		return text, true
	}
	var b strings.Builder
	b.Grow(len(text))
	for ; cut >= 0; cut = strings.IndexByte(text, '%') {
		if len(text) < cut+3 {
			return "", false
		}
		c, ok := unhex(text[cut+1], text[cut+2])
		if !ok {
			return "", false
		}
		b.WriteString(text[:cut])
		b.WriteByte(c)
		text = text[cut+3:]
	}
	b.WriteString(text)
	return b.String(), true
}

// unhex reads two upper-case hex digits.
func unhex(high, low byte) (byte, bool) {
	h, l := strings.IndexByte(upperHex, high), strings.IndexByte(upperHex, low)
	return byte(h<<4 | l&0xF), h >= 0 && l >= 0
}

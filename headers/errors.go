package headers

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrMalformed means that bytes from the wire are not what the protocol says:
// a frame, a header field, a properties string or a stored message. The error
// that wraps it says where. A connection that carried such a frame is of no
// further use, since the next frame's start is unknown.
var ErrMalformed = errors.New("malformed")

// ErrTooLarge means that what is to be encoded does not fit a frame: the header
// its 24-bit length, or header and body together the frame's 31-bit length.
var ErrTooLarge = errors.New("too large for a frame")

func malformed(format string, args ...any) error {
	return fmt.Errorf("headers: %w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// StatusError is an answer whose code is not the one that was hoped for.
// Two StatusErrors match by errors.Is when their codes are equal.
type StatusError struct {
	Code ResponseCode
	// Remark is the peer's own text, the first 4 KiB of it. It changes between
	// broker versions and may hold a Java stack trace: show it to people, do not
	// decide by it.
	Remark string
}

// Error names the code and carries the remark.
func (e *StatusError) Error() string {
	if e.Remark == "" {
		return fmt.Sprintf("answered %s (%d)", e.Code, int32(e.Code))
	}
	return fmt.Sprintf("answered %s (%d): %s", e.Code, int32(e.Code), oneLine(e.Remark))
}

// maxRemark is how many bytes of a remark an error keeps: it may hold a Java stack
// trace, and errors are kept and logged.
const maxRemark = 4 << 10

// cutRemark copies the remark of an answer, and says so if that is not all of it.
func cutRemark(remark []byte) string {
	if len(remark) <= maxRemark {
		return string(remark)
	}
	end := maxRemark
	for end > maxRemark-utf8.UTFMax && !utf8.RuneStart(remark[end]) {
		end--
	}
	return fmt.Sprintf("%s... (%d bytes more)", remark[:end], len(remark)-end)
}

// oneLine makes one line of a text that may be a Java stack trace, or anything else:
// what cannot be printed is escaped, so that no terminal obeys it.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if utf8.ValidString(text) && strings.IndexFunc(text, isUnprintable) < 0 {
		return text
	}
	var b strings.Builder
	for at, r := range text {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError)):
			fmt.Fprintf(&b, `\x%02x`, text[at])
		case isUnprintable(r):
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isUnprintable(r rune) bool { return !strconv.IsPrint(r) }

// Is reports whether target is a StatusError of the same code.
func (e *StatusError) Is(target error) bool {
	t, ok := target.(*StatusError)
	return ok && t.Code == e.Code
}

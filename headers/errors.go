package headers

import (
	"errors"
	"fmt"
	"strings"
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
	// Remark is the peer's own text. It changes between broker versions and
	// may hold a Java stack trace: show it to people, do not decide by it.
	Remark string
}

// Error names the code and carries the remark.
func (e *StatusError) Error() string {
	if e.Remark == "" {
		return fmt.Sprintf("answered %s (%d)", e.Code, int32(e.Code))
	}
	// A remark may be a Java stack trace; an error is one line.
	remark := strings.Join(strings.Fields(e.Remark), " ")
	return fmt.Sprintf("answered %s (%d): %s", e.Code, int32(e.Code), remark)
}

// Is reports whether target is a StatusError of the same code.
func (e *StatusError) Is(target error) bool {
	t, ok := target.(*StatusError)
	return ok && t.Code == e.Code
}

package rocketmq

import (
	"errors"
	"fmt"
)

// redacted is what a Secret shows of itself.
const redacted = "[redacted]"

// Secret is a text that does not show itself: fmt in all its verbs, log/slog and
// the encoders of the encoding packages write [redacted] in its place. It is read
// from configuration files like a string. The zero value is the empty text.
type Secret struct {
	// reveal keeps the text where nothing that prints values looks: fmt asks no
	// method of values in unexported fields, and others follow pointers.
	reveal func() string
}

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return text }}
}

// Reveal returns the text itself.
func (s Secret) Reveal() string {
	if s.IsEmpty() {
		return ""
	}
	return s.reveal()
}

// IsEmpty reports whether the text is empty.
func (s Secret) IsEmpty() bool { return s.reveal == nil }

// String returns [redacted], or nothing if the text is empty.
func (s Secret) String() string {
	if s.IsEmpty() {
		return ""
	}
	return redacted
}

// Format writes what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte(s.String())) // a fmt.State reports no errors
}

// MarshalText returns what String returns, for encoding/json and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text itself. What MarshalText has written is no text: it
// is refused.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == redacted {
		return errors.New("rocketmq: secret is redacted, the text itself is wanted")
	}
	*s = NewSecret(string(text))
	return nil
}

// Package faults collects what is wrong with a configuration, so that all of it is
// reported at once.
package faults

import (
	"errors"
	"fmt"
	"time"
)

// List is the faults of a configuration, each of which begins with the path of its field.
// The zero value is ready.
type List []error

// Add adds a fault.
func (l *List) Add(format string, args ...any) { *l = append(*l, fmt.Errorf(format, args...)) }

// Int adds a fault if the value of a field is out of its bounds.
func (l *List) Int(field string, value, least, most int) {
	if value < least || value > most {
		l.Add("%s is %d, want %d to %d", field, value, least, most)
	}
}

// Duration adds a fault if the value of a field is negative.
func (l *List) Duration(field string, value time.Duration) {
	if value < 0 {
		l.Add("%s is %v, want 0 or more", field, value)
	}
}

// Of adds what the Validate method of a field has found, in err.
func (l *List) Of(field string, err error) {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		for _, fault := range joined.Unwrap() {
			l.Add("%s.%w", field, fault)
		}
	}
}

// Err returns the error of a configuration, which wraps one error for each fault, joined
// by errors.Join. It returns nil if there are none.
func (l List) Err(what string) error {
	if len(l) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", what, errors.Join(l...))
}

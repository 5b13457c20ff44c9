package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Report is the result of a check.
type Report struct {
	// Items are sorted by what they are about: name servers, topics, brokers.
	Items []Item
	// Took is how long all of it took.
	Took time.Duration
}

// Count returns how many items have that status.
func (r Report) Count(s Status) int { return len(r.with(s)) }

// with returns the items that have that status.
func (r Report) with(s Status) []Item {
	var items []Item
	for _, i := range r.Items {
		if i.Status == s {
			items = append(items, i)
		}
	}
	return items
}

// Without returns the report without the items of some aspects: those that you
// know and accept, such as AutoCreate on a developer's machine.
func (r Report) Without(aspects ...Aspect) Report {
	r.Items = slices.DeleteFunc(slices.Clone(r.Items), func(i Item) bool { return slices.Contains(aspects, i.Aspect) })
	return r
}

// String is the report for people, one item a line, with advice below it. Lines
// begin with the status.
func (r Report) String() string {
	var b strings.Builder
	warnings := "warnings"
	if r.Count(Warning) == 1 {
		warnings = "warning"
	}
	fmt.Fprintf(&b, "RocketMQ check: %d ok, %d %s, %d bad, %d unknown", r.Count(OK), r.Count(Warning), warnings, r.Count(Bad), r.Count(Unknown))
	if r.Took > 0 {
		fmt.Fprintf(&b, " (%v)", r.Took.Round(100*time.Microsecond))
	}
	for _, i := range r.Items {
		fmt.Fprintf(&b, "\n%-7s  %-18s  %s", i.Status, i.Aspect, i.finding())
		if i.Advice != "" {
			fmt.Fprintf(&b, "\n%29s-> %s", "", i.Advice)
		}
	}
	return b.String()
}

// Err joins the bad items, which keep messages, or some of them, from being
// published, as an *Error each. It is nil if there is none. Unknown items are no
// errors, nor are warnings.
func (r Report) Err() error {
	var bad []error
	for _, i := range r.with(Bad) {
		bad = append(bad, &Error{i})
	}
	return errors.Join(bad...)
}

// Warnings returns the items whose status is Warning: a certificate that ends soon, or
// a broker that creates topics of misspelt names.
func (r Report) Warnings() []Item { return r.with(Warning) }

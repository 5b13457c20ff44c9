package check

import (
	"fmt"
	"time"
)

// Item is one finding.
type Item struct {
	Aspect Aspect
	// Subject is the server, broker or topic that was looked at: the address of a
	// name server, name and address of a broker, the name of a topic.
	Subject string
	Status  Status
	// Reason is what was found, or why it is unknown.
	Reason string
	// Advice is what to do about it. Empty for what is fine.
	Advice string
	// Took is how long the answer took, where that was measured, dialing
	// included.
	Took time.Duration
	// Err is the error behind Reason, if there is one.
	Err error
}

// String is the item in one line, without its advice.
func (i Item) String() string { return string(i.Aspect) + " " + i.finding() }

func (i Item) finding() string {
	line := i.Subject + ": " + i.Reason
	if i.Took > 0 {
		line += fmt.Sprintf(" (%v)", i.Took.Round(10*time.Microsecond))
	}
	return line
}

package publisher

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CheckVerdict is what a check has found.
type CheckVerdict int

// The verdicts. The zero value is CheckNotKnown.
const (
	// CheckNotKnown: it could not be found out; the reason says why.
	CheckNotKnown CheckVerdict = iota
	CheckOK
	// CheckBad: messages, or some of them, cannot be published; or, if the item is a
	// warning, they are and something else is not as it should be.
	CheckBad
)

// String returns "not known", "ok" or "BAD".
func (v CheckVerdict) String() string {
	switch v {
	case CheckOK:
		return "ok"
	case CheckBad:
		return "BAD"
	default:
		return "not known"
	}
}

// CheckAspect is what an item of a CheckReport looks at.
type CheckAspect string

// The aspects, in the order of a report.
const (
	// CheckNameServer: a name server answers.
	CheckNameServer CheckAspect = "name server"
	// CheckBrokers: brokers are registered at the name servers.
	CheckBrokers CheckAspect = "registered brokers"
	// CheckTopic: the topic exists on all name servers, or will be created.
	CheckTopic CheckAspect = "topic"
	// CheckWritePermission: the route lets producers write to the topic.
	CheckWritePermission CheckAspect = "write permission"
	// CheckMaster: the topic's brokers have masters, which take messages.
	CheckMaster CheckAspect = "master"
	// CheckTrace: the topic of Config.Trace exists, if that is enabled.
	CheckTrace CheckAspect = "trace topic"
	// CheckBroker: a broker can be reached at the address that it advertises.
	CheckBroker CheckAspect = "broker"
	// CheckHeartbeat: a broker takes the producer's heartbeat.
	CheckHeartbeat CheckAspect = "heartbeat"
	// CheckCredentials: a broker takes the publisher for whom it says it is.
	CheckCredentials CheckAspect = "credentials"
	// CheckNamespace: a broker knows Config.NamespaceV2, if that is set.
	CheckNamespace CheckAspect = "namespace"
	// CheckMessageType: a broker can create topics of CreateTopics.MessageType, if
	// that is set.
	CheckMessageType CheckAspect = "message type"
	// CheckCreateTopics: the user may create topics, if CreateTopics.Enabled is set
	// and a topic is missing.
	CheckCreateTopics CheckAspect = "create topics"
	// CheckTLS: connections are encrypted, and to whom they go is verified.
	CheckTLS CheckAspect = "TLS"
	// CheckPlaintext: a server that is used with TLS takes nothing else.
	CheckPlaintext CheckAspect = "plain text"
	// CheckAutoCreate: a broker does not create topics that are only misspelt.
	CheckAutoCreate CheckAspect = "auto-create"
	// CheckMessageSize: a broker takes messages of Config.MaxMessageSize.
	CheckMessageSize CheckAspect = "message size"
	// CheckTimer: whether a broker has timer messages.
	CheckTimer CheckAspect = "timer messages"
	// CheckRecall: whether a broker takes back timer messages.
	CheckRecall CheckAspect = "recall"
	// CheckClock: the broker's clock goes with this machine's.
	CheckClock CheckAspect = "clock"
)

// CheckItem is one finding.
type CheckItem struct {
	Aspect CheckAspect
	// Subject is the server, broker or topic that was looked at: the address of a
	// name server, name and address of a broker, the name of a topic.
	Subject string
	Verdict CheckVerdict
	// Warning says of a bad item that it keeps no message from being published: it
	// is for those who run the cluster.
	Warning bool
	// Reason is what was found, or why it is not known.
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
func (i CheckItem) String() string { return string(i.Aspect) + " " + i.finding() }

func (i CheckItem) finding() string {
	line := i.Subject + ": " + i.Reason
	if i.Took > 0 {
		line += fmt.Sprintf(" (%v)", i.Took.Round(10*time.Microsecond))
	}
	return line
}

// mark is what begins the item's line in a report.
func (i CheckItem) mark() string {
	if i.Warning {
		return "warn"
	}
	return i.Verdict.String()
}

// CheckReport is the result of Publisher.Check.
type CheckReport struct {
	// Items are sorted by what they are about: name servers, topics, brokers.
	Items []CheckItem
	// Took is how long all of it took.
	Took time.Duration
}

// Count returns how many items have that verdict. Warnings are bad items.
func (r CheckReport) Count(v CheckVerdict) int {
	n := 0
	for _, i := range r.Items {
		if i.Verdict == v {
			n++
		}
	}
	return n
}

// Without returns the report without the items of some aspects: those that you
// know and accept, such as CheckAutoCreate on a developer's machine.
func (r CheckReport) Without(aspects ...CheckAspect) CheckReport {
	r.Items = slices.DeleteFunc(slices.Clone(r.Items), func(i CheckItem) bool { return slices.Contains(aspects, i.Aspect) })
	return r
}

// String is the report for people, one item a line, with advice below it. Lines
// begin with the verdict, those of warnings with "warn".
func (r CheckReport) String() string {
	var b strings.Builder
	bad, warnings := r.Count(CheckBad), len(r.Warnings())
	fmt.Fprintf(&b, "RocketMQ check: %d ok, %d bad", r.Count(CheckOK), bad)
	switch {
	case warnings == 0:
	case warnings == bad:
		b.WriteString(" (warnings only)")
	default:
		fmt.Fprintf(&b, " (%d of them warnings)", warnings)
	}
	fmt.Fprintf(&b, ", %d not known", r.Count(CheckNotKnown))
	if r.Took > 0 {
		fmt.Fprintf(&b, " (%v)", r.Took.Round(100*time.Microsecond))
	}
	for _, i := range r.Items {
		fmt.Fprintf(&b, "\n%-9s  %-18s  %s", i.mark(), i.Aspect, i.finding())
		if i.Advice != "" {
			fmt.Fprintf(&b, "\n%31s-> %s", "", i.Advice)
		}
	}
	return b.String()
}

// Err joins the bad items that keep messages, or some of them, from being
// published, a *CheckError each. It is nil if there is none; what is not known is
// no error, nor are warnings.
func (r CheckReport) Err() error {
	var bad []error
	for _, i := range r.Items {
		if i.Verdict == CheckBad && !i.Warning {
			bad = append(bad, &CheckError{i})
		}
	}
	return errors.Join(bad...)
}

// Warnings returns the bad items that keep no message from being published: a
// certificate that ends soon, or a broker that creates topics of misspelt names.
func (r CheckReport) Warnings() []CheckItem {
	var warnings []CheckItem
	for _, i := range r.Items {
		if i.Verdict == CheckBad && i.Warning {
			warnings = append(warnings, i)
		}
	}
	return warnings
}

// CheckError is a bad item as an error.
type CheckError struct{ Item CheckItem }

// Error tells the item and the advice.
func (e *CheckError) Error() string {
	text := "check: " + e.Item.String()
	if e.Item.Advice != "" {
		text += ": " + e.Item.Advice
	}
	return text
}

// Unwrap returns the error behind the item, nil if there is none.
func (e *CheckError) Unwrap() error { return e.Item.Err }

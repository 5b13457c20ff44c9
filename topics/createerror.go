package topics

import (
	"fmt"
	"strings"
)

// CreateError means that a missing topic was not created, or not on every
// broker. No message was sent.
type CreateError struct {
	// Topic is the name in RocketMQ.
	Topic string
	// Created names the brokers that have the topic by this attempt.
	Created []string
	// Brokers are those that refused or could not be reached. When Created is
	// empty none was asked to create it before all had been reached.
	Brokers []*BrokerError
	// Err is what failed before any broker was asked, or after all had created
	// the topic: an error of package routing, ErrSeveralClusters, ErrNoMaster,
	// ErrNotRouted, that of a context, or that of a client that is closed. Nil if
	// Brokers says it all.
	Err error
}

// Error names the topic and each broker with what went wrong there.
func (e *CreateError) Error() string {
	return failureText("topic", e.Topic, e.Created, e.Unwrap())
}

// Unwrap returns the causes.
func (e *CreateError) Unwrap() []error { return causes(e.Err, e.Brokers) }

// failureText says that a topic or group was not created, or not on every broker.
func failureText(what, name string, created []string, causes []error) string {
	var b strings.Builder
	fmt.Fprintf(&b, "cannot create %s %q", what, name)
	if len(created) > 0 {
		fmt.Fprintf(&b, " on every broker (%s created it)", strings.Join(created, ", "))
	}
	for i, err := range causes {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	return b.String()
}

func causes(err error, brokers []*BrokerError) []error {
	var all []error
	if err != nil {
		all = append(all, err)
	}
	for _, b := range brokers {
		all = append(all, b)
	}
	return all
}

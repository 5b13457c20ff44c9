package routing

import (
	"errors"
	"fmt"
	"strings"
)

// ErrClosed means that the Table was closed before or during the call. Another
// try on the same Table cannot help.
var ErrClosed = errors.New("routing: table is closed")

// ErrNoAnswer means that a name server took longer than
// Config.NameServerTimeout. It is found inside a *NameServersError and in the
// NameServerFailed event. It takes the place of context.DeadlineExceeded, which
// would read as if the caller's own context had ended.
var ErrNoAnswer = errors.New("no answer")

// NoRouteError means that neither the topic nor the default topic has a route
// while brokers are registered: the topic does not exist and the brokers do not
// create topics by themselves (autoCreateTopicEnable=false). Another try helps
// only after somebody has created the topic.
type NoRouteError struct {
	Topic        string
	DefaultTopic string
	NameServers  []string
}

// Error names the topics and the name servers.
func (e *NoRouteError) Error() string {
	return fmt.Sprintf("routing: topic %q does not exist and the brokers do not create it (neither it nor default topic %q has a route on name server %s): create it, such as by mqadmin updateTopic",
		e.Topic, e.DefaultTopic, strings.Join(e.NameServers, ", "))
}

// NoBrokersError means that no broker at all is registered at the name servers,
// so they cannot know the topic: the brokers are starting, or these are the name
// servers of another cluster. Another try may help, after a pause: a broker
// registers when it has started, and again every 30 s.
type NoBrokersError struct {
	Topic       string
	NameServers []string
}

// Error names the topic and the name servers.
func (e *NoBrokersError) Error() string {
	return fmt.Sprintf("routing: topic %q has no route: no broker is registered at name server %s", e.Topic, strings.Join(e.NameServers, ", "))
}

// NoQueueReason says why a topic that has a route has no queue to publish to.
type NoQueueReason string

// The reasons of a NoQueueError.
const (
	// NoWritePermission: each broker keeps the topic read-only, or had its write
	// permission wiped at the name server to drain it.
	NoWritePermission NoQueueReason = "no broker grants the write permission"
	// NoMaster: the brokers that may be written to have no master now.
	NoMaster NoQueueReason = "no writable broker has a master"
	// BadMasterAddress: the brokers that may be written to have a master, but
	// under addresses that cannot be dialed; see NoQueueError.Unusable.
	BadMasterAddress NoQueueReason = "no writable broker has a master with an address that can be dialed"
	// NoWriteQueues: the number of write queues is 0.
	NoWriteQueues NoQueueReason = "the number of write queues is 0"
	// NoInheritPermission: the default topic is there, but topics must not be
	// created from it.
	NoInheritPermission NoQueueReason = "no broker lets other topics inherit from it"
)

// NoQueueError means that the topic has a route without a queue to publish to.
// Another try may help, after a pause: soon when the reason is NoMaster, after
// maintenance when it is NoWritePermission. The others last until an operator
// changes the topic.
type NoQueueError struct {
	Topic  string
	Reason NoQueueReason
	// Unusable has the brokers of the topic whose address cannot be dialed.
	Unusable []*BrokerAddressError
}

// Error names the topic, the reason, and the addresses that cannot be dialed.
func (e *NoQueueError) Error() string {
	text := fmt.Sprintf("routing: topic %q has no queue to publish to: %s", e.Topic, e.Reason)
	for _, u := range e.Unusable {
		text += "; " + u.Error()
	}
	return text
}

// BrokerAddressError means that a broker's master is registered under an address
// that nobody can dial, so that the broker is not used. Its brokerIP1 is the
// place to look.
type BrokerAddressError struct {
	Broker, Addr string
	// Err says what is wrong with Addr.
	Err error
}

// Error names broker and address.
func (e *BrokerAddressError) Error() string {
	return fmt.Sprintf("master of broker %q has an address that cannot be dialed: %v", e.Broker, e.Err)
}

// Unwrap returns what is wrong with the address.
func (e *BrokerAddressError) Unwrap() error { return e.Err }

// StaticTopicError means that the topic is a static topic (logical queues,
// topicQueueMappingByBroker in its route), whose queues move between brokers by
// rules this package does not follow. Another try cannot help.
type StaticTopicError struct{ Topic string }

// Error names the topic.
func (e *StaticTopicError) Error() string {
	return fmt.Sprintf("routing: topic %q is a static topic (logical queues), which are not supported", e.Topic)
}

// BrokerNotFoundError means that the topic's route names a broker, or the caller
// does, that has no master address even in the route just fetched: the broker
// is down, or no longer serves the topic. Another try may help, best on another
// broker's queue.
type BrokerNotFoundError struct {
	Topic       string
	Broker      string
	NameServers []string
	// Unusable is set when there is an address, but none that can be dialed.
	Unusable *BrokerAddressError
}

// Error names the broker, the topic and the name servers, and what is wrong with
// the address if there is one.
func (e *BrokerNotFoundError) Error() string {
	if e.Unusable != nil {
		return fmt.Sprintf("routing: topic %q: %v (said name server %s)", e.Topic, e.Unusable, strings.Join(e.NameServers, ", "))
	}
	return fmt.Sprintf("routing: broker %q of topic %q has no master address on name server %s",
		e.Broker, e.Topic, strings.Join(e.NameServers, ", "))
}

// NameServersError means that no name server gave a usable answer. Another try
// may help.
//
// Among the errors behind it may be some of the Invoker, or a
// *headers.StatusError, that speak of the call to a name server. Look for a
// *NameServersError first: they say nothing about the message, of which nothing
// was sent.
type NameServersError struct {
	// Topic is the topic that was asked about, empty for the cluster's brokers.
	Topic string
	// Servers has one error per name server, in the order they were asked.
	Servers []*NameServerError
	// Unresolved says why there is no name server to be asked: a *ResolveError, if
	// Config.Resolver has brought no list yet. Servers is empty then.
	Unresolved error
}

// Error lists each name server with what went wrong there.
func (e *NameServersError) Error() string {
	var b strings.Builder
	about := ""
	if e.Topic != "" {
		about = fmt.Sprintf("topic %q: ", e.Topic)
	}
	if e.Unresolved != nil {
		return fmt.Sprintf("routing: %s%v", about, e.Unresolved)
	}
	fmt.Fprintf(&b, "routing: %sno name server gave a usable answer", about)
	for i, s := range e.Servers {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(s.Error())
	}
	return b.String()
}

// Unwrap returns the errors of the single name servers, or Unresolved.
func (e *NameServersError) Unwrap() []error {
	errs := make([]error, len(e.Servers), len(e.Servers)+1)
	for i, s := range e.Servers {
		errs[i] = s
	}
	if e.Unresolved != nil {
		errs = append(errs, e.Unresolved)
	}
	return errs
}

// NameServerError is what went wrong with one name server: ErrNoAnswer, an error
// of the Invoker, an error that wraps headers.ErrMalformed, or a
// *headers.StatusError.
type NameServerError struct {
	Addr string
	Err  error
}

// Error names the address and the cause.
func (e *NameServerError) Error() string { return e.Addr + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *NameServerError) Unwrap() error { return e.Err }

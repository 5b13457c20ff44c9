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

// ErrUnfitRoute means that a name server has answered, for a topic whose route is
// known, with one that has no queues, no brokers, or no broker with an address that
// can be dialed. No sound name server does. The route that is known stays in use:
// whether its brokers are gone is for those who call them to find out. Each view of a
// route is judged by itself. Where there is nothing to write it counts as a failure of
// the name server, and the error is found inside a *NameServersError and in the
// NameServerFailed event.
var ErrUnfitRoute = errors.New("no route to be used, in place of one that is known")

// maxQuoted is how much of a text from a peer, in bytes, an error has.
const maxQuoted = 100

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

// NoQueueReason says why a topic that has a route has no queue in one of its views.
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
	// NoQueuesListed: the name server's answer has no queues, not even closed ones.
	NoQueuesListed NoQueueReason = "the name server lists no queues"
	// NoWriteQueues: the number of write queues is 0.
	NoWriteQueues NoQueueReason = "the number of write queues is 0"
	// NoInheritPermission: the default topic is there, but topics must not be
	// created from it.
	NoInheritPermission NoQueueReason = "no broker lets other topics inherit from it"

	// NoReadPermission: no broker lets consumers read the topic.
	NoReadPermission NoQueueReason = "no broker grants the read permission"
	// NoReadQueues: the number of read queues is 0.
	NoReadQueues NoQueueReason = "the number of read queues is 0"
	// NoOwnRoute: name servers do not know the topic, and queues of the default topic
	// are for writing only. The first message may create it.
	NoOwnRoute NoQueueReason = "the topic has no route of its own"
)

// NoQueueError means that a view of the topic's route has no queue: none to publish
// to, or none to read. Another try may help, after a pause: soon when the reason is
// NoMaster, NoQueuesListed or NoOwnRoute, after maintenance when it is
// NoWritePermission. The others last until an operator changes the topic.
type NoQueueError struct {
	Topic  string
	View   View
	Reason NoQueueReason
	// Unusable has the brokers of the topic whose address cannot be dialed.
	Unusable []*BrokerAddressError
}

// Error names the topic, the reason, and the first addresses that cannot be dialed.
func (e *NoQueueError) Error() string {
	const most = 10
	var b strings.Builder
	purpose := "publish to"
	if e.View == Reading {
		purpose = "read"
	}
	fmt.Fprintf(&b, "routing: topic %q has no queue to %s: %s", e.Topic, purpose, e.Reason)
	for _, u := range e.Unusable[:min(most, len(e.Unusable))] {
		b.WriteString("; " + u.Error())
	}
	if more := len(e.Unusable) - most; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
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
	return fmt.Sprintf("master of broker %.*q has an address that cannot be dialed: %v", maxQuoted, e.Broker, e.Err)
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
// does, that has no master address even in the route just fetched, or, in the view
// Reading, no address to read from: the broker is down, or no longer serves the topic.
// Another try may help, best on another broker's queue.
type BrokerNotFoundError struct {
	Topic       string
	Broker      string
	View        View
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
	kind := "master address"
	if e.View == Reading {
		kind = "address to read from"
	}
	return fmt.Sprintf("routing: broker %q of topic %q has no %s on name server %s",
		e.Broker, e.Topic, kind, strings.Join(e.NameServers, ", "))
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
// of the Invoker, an error that wraps headers.ErrMalformed or ErrUnfitRoute, or a
// *headers.StatusError.
type NameServerError struct {
	Addr string
	Err  error
}

// Error names the address and the cause.
func (e *NameServerError) Error() string { return e.Addr + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *NameServerError) Unwrap() error { return e.Err }

package publisher

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/trace"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

const (
	// traceTimeout bounds the sending of a trace message (AsyncTraceDispatcher).
	traceTimeout = 5 * time.Second
	// traceLogInterval is the least time between two log lines about lost records.
	traceLogInterval = time.Minute
)

// tracer has the messages of a publisher traced. The traces are sent with a publisher of
// their own: as with the Java client, they have a group and limits of their own, so that
// they hold up no message.
type tracer struct {
	p        *Publisher // whose messages are traced
	out      *Publisher // that sends the traces
	observer *trace.Observer

	// Used by the observer's goroutine, and by close when that has ended.
	lost   int // records lost since the latest log line
	cause  error
	logged time.Time
}

// errTraceFull is the cause of records that found no room.
var errTraceFull = errors.New("more records wait than Config.Trace.Waiting allows")

// startTracer returns nil if messages are not to be traced.
func startTracer(p *Publisher, logger watermill.LoggerAdapter) (*tracer, error) {
	if !p.cfg.Trace.Enabled {
		return nil, nil
	}
	client := p.cluster.Client
	if p.cfg.Trace.OwnConnections {
		client = nil
	}
	out, err := New(traceConfig(&p.cfg, client), logger)
	if err != nil {
		return nil, fmt.Errorf("publisher: trace: %w", err)
	}
	out.plainTopics = true
	t := &tracer{p: p, out: out}
	t.observer = trace.Start(trace.Config{
		Publisher: out, Topic: p.cfg.Trace.Topic, MaxWaiting: p.cfg.Trace.Waiting, Dropped: t.drop,
	})
	return t, nil
}

// traces reports whether messages to the topic are traced.
func (t *tracer) traces(topic string) bool { return t != nil && t.observer.Traces(topic) }

// drop tells of lost records: the hook at once, the log now and then.
func (t *tracer) drop(records int, cause error) {
	switch {
	case errors.Is(cause, trace.ErrFull):
		cause = errTraceFull
	case errors.Is(cause, trace.ErrClosed):
		cause = ErrClosed
	}
	t.lost, t.cause = t.lost+records, cause
	if now := time.Now(); t.logged.IsZero() || now.Sub(t.logged) >= traceLogInterval {
		t.logged = now
		t.logLost()
	}
	if hook := t.p.hooks.TracesDropped; hook != nil {
		t.tell(hook, records, cause)
	}
}

// tell calls the hook. A panic of it is logged: the goroutine is not the user's to
// guard, and traces are no reason to end a program.
func (t *tracer) tell(hook func(records int, cause error), records int, cause error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if missed, ok := t.p.logs.traces.Ask("", time.Now()); ok {
			t.p.logger.Error("Hooks.TracesDropped panicked", fmt.Errorf("panic: %v\n%s", r, debug.Stack()), watermill.LogFields{loglimit.Unlogged: missed})
		}
	}()
	hook(records, cause)
}

func (t *tracer) logLost() {
	t.p.logger.Error("Message traces lost", t.cause, watermill.LogFields{"records": t.lost, "trace_topic": t.p.cfg.Trace.Topic})
	t.lost = 0
}

// close sends what waits until end, and ends the tracer. goodbye is what is left of
// the time for goodbyes, which its publisher has as well. Senders have ended. Calls
// that Close has cut off may still bring records, which are lost.
func (t *tracer) close(end time.Time, goodbye time.Duration) {
	if t == nil {
		return
	}
	t.observer.CloseBy(end)
	if t.lost > 0 {
		t.logLost()
	}
	_ = t.out.closeBy(end, goodbye) // nothing is under way in it
}

// traceConfig is the configuration of the publisher that sends the traces, which is lent
// client, unless that is nil: how to reach the cluster is the same, and nothing of what is the user's to choose for
// messages. The group has the name that the first Java producer of a process gives
// it, and is the same for each process: brokers keep a record of every group.
func traceConfig(c *Config, client *rocketmq.Client) Config {
	namespace := c.Cluster.Namespace
	traces := Config{
		Client:        client,
		ProducerGroup: traceGroup(namespace, topicname.UnwrapNamespace(namespace, c.ProducerGroup)),
		Marshaler:     traceMarshaler{},
		Compression:   c.Compression,
		SendTimeout:   traceTimeout,
		AutoCreate:    c.AutoCreate,
		Avoidance:     c.Avoidance,
	}
	if client == nil {
		traces.Cluster = c.Cluster
	}
	return traces
}

// traceGroup is the group of the traces of a group
// (AsyncTraceDispatcher.genGroupNameForTrace, 5.5.0), or one for all where the name
// would be longer than brokers take.
func traceGroup(namespace, group string) string {
	const prefix = "_INNER_TRACE_PRODUCER"
	for _, name := range [...]string{prefix + "-" + group + "-PRODUCE-1", prefix} {
		if len(topicname.WrapNamespace(namespace, name)) <= topicname.MaxGroupLength {
			return name
		}
	}
	return group
}

// traceMarshaler makes messages that have a body and keys.
type traceMarshaler struct{}

// Marshal takes the keys from the message's UUID.
func (traceMarshaler) Marshal(_ string, msg *message.Message) (marshaler.Message, error) {
	return marshaler.Message{
		Body:       msg.Payload,
		Properties: []headers.Property{{Name: headers.PropertyKeys, Value: msg.UUID}},
	}, nil
}

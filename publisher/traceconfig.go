package publisher

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// DefaultTraceTopic is where brokers with traceTopicEnable keep traces
// (TopicValidator.RMQ_SYS_TRACE_TOPIC, 5.5.0).
const DefaultTraceTopic = headers.TraceTopic

// TraceConfig switches on message trace: a record of each message that a broker has
// stored is sent to a topic of its own, where mqadmin queryMsgTraceById and the
// consoles find it by message id and key (the Pub records of the Java client's
// enableMsgTrace, 5.5.0). Messages that failed or were sent one-way have none, nor
// have those that a broker answers with TRACE_ON=false, nor those to the trace
// topic. A half message has one; its commit or rollback has none.
//
// Traces never hold up a message or make it fail. They are gathered for a second and
// sent by a goroutine of their own over the publisher's connections, under the producer
// group _INNER_TRACE_PRODUCER-<ProducerGroup>-PRODUCE-1. Those that find no room or
// cannot be sent within 5 s are lost: Hooks.TracesDropped is told of each loss, and a
// log line at most once a minute.
type TraceConfig struct {
	// Enabled switches it on.
	Enabled bool
	// Topic is DefaultTraceTopic by default, which brokers have if they are
	// configured with traceTopicEnable.
	Topic string
	// Waiting is the most records that are kept until they are sent, some 200
	// bytes each; 65536 by default.
	Waiting int
	// OwnConnections has traces sent over connections of their own, with routes and
	// heartbeats of their own, as the Java client does: then they share nothing with
	// messages. By default a message may wait until a request with traces, of 128 KB at
	// most and compressed, is written before it.
	OwnConnections bool
}

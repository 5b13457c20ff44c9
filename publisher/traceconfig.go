package publisher

import (
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// TraceConfig switches on message trace: a record of each message that a broker has
// stored is sent to a topic of its own, where mqadmin queryMsgTraceById and the
// consoles find it by message id and key (the Pub records of the Java client's
// enableMsgTrace, 5.5.0). Messages that failed or were sent one-way have none, nor
// have those that a broker answers with TRACE_ON=false, nor those to the trace
// topic. A half message has one; its commit or rollback has none.
//
// Traces never hold up a message or make it fail. They are gathered for a second and
// sent by a goroutine of their own over connections of their own, under the producer
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
}

// traceConfig is the configuration of the publisher that sends the traces: how to
// reach the cluster is the same, and nothing of what is the user's to choose for
// messages. The group has the name that the first Java producer of a process gives
// it, and is the same for each process: brokers keep a record of every group.
func traceConfig(c *Config) Config {
	return Config{
		NameServers:          c.NameServers,
		Resolver:             c.Resolver,
		ResolveInterval:      c.ResolveInterval,
		ProducerGroup:        traceGroup(c.Namespace, unwrapNamespace(c.Namespace, c.ProducerGroup)),
		Namespace:            c.Namespace,
		NamespaceV2:          c.NamespaceV2,
		Marshaler:            traceMarshaler{},
		Compression:          c.Compression,
		SendTimeout:          traceTimeout,
		AcceptNotDurable:     true,
		AutoCreate:           c.AutoCreate,
		UnitMode:             c.UnitMode,
		Dial:                 c.Dial,
		VIPChannel:           c.VIPChannel,
		TLS:                  c.TLS,
		Credentials:          c.Credentials,
		Avoidance:            c.Avoidance,
		Headers:              c.Headers,
		DialTimeout:          c.DialTimeout,
		HeartbeatInterval:    c.HeartbeatInterval,
		RouteRefreshInterval: c.RouteRefreshInterval,
	}
}

// traceGroup is the group of the traces of a group
// (AsyncTraceDispatcher.genGroupNameForTrace, 5.5.0), or one for all where the name
// would be longer than brokers take.
func traceGroup(namespace, group string) string {
	const prefix = "_INNER_TRACE_PRODUCER"
	for _, name := range [...]string{prefix + "-" + group + "-PRODUCE-1", prefix} {
		if len(wrapNamespace(namespace, name)) <= maxGroupLength {
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

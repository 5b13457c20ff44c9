// Package otelrocketmq makes OpenTelemetry's traces and metrics of what publishers and
// subscribers do, by the semantic conventions for messaging and RocketMQ (version 1.43.0 of
// the conventions; those for messaging are not stable yet). One line switches it on for each:
//
//	pub, err := publisher.New(publisher.Config{..., Hooks: []publisher.Hooks{otelrocketmq.PublisherHooks()}}, logger)
//	sub, err := subscriber.New(subscriber.Config{..., Hooks: []subscriber.Hooks{otelrocketmq.SubscriberHooks()}}, logger)
//
// and one for each router, which does not give a message's context to the messages made of it:
//
//	router.AddMiddleware(otelrocketmq.Middleware)
//
// Providers and propagator are the global ones (otel.SetTracerProvider and its like), or those
// of the options. All that this package returns is safe for concurrent use.
//
// # Traces
//
// A message that is published has a span "send TOPIC" of kind PRODUCER, from Publish until
// its result. Its parent is the span in the message's context, so give messages one with
// Message.SetContext, as the command and event buses of Watermill do. The span's context
// goes along in properties, and the message is not touched. A message without a span in its
// context whose metadata has a trace context goes on with that: one from an outbox, or one
// that was made with the metadata of another.
//
// Each request that holds the message has a span "attempt TOPIC" of kind CLIENT, a retry one
// of its own. Messages share requests, so it is a child of its first message that is
// sampled, and links to all messages that are. OpenTelemetry's SDK keeps the first 128 links
// of a span by default (OTEL_SPAN_LINK_COUNT_LIMIT). Between two attempts the span of the
// message has an event "retry".
//
// A delivery has a span "process TOPIC" of kind CONSUMER, from when the message is received
// until its answer. The handler finds it in the message's context. It links to the span of
// the message and begins a trace of its own, as the conventions recommend; see
// WithMessageAsParent. Each delivery of a message has its own span. A message that nobody
// has received has none.
//
// Each try to put a message into the dead letters has a span "dead_letter TOPIC" of kind
// CLIENT, a child of that of the last delivery. What subscriber.DeadLetterTo publishes then
// is in the same trace.
//
// TOPIC and messaging.destination.name are RocketMQ's name of the topic, without the
// namespace, as the agent for Java has them: also for a message that comes again from
// the group's retry topic. watermill.topic is Watermill's name where that is another. The
// span of a delivery has what RocketMQ knows of the message: messaging.message.id, keys,
// tag, type, queue, group and broker. server.address is the broker's: where the request went,
// or, with a delivery, what the broker calls its own address.
// messaging.destination.partition.id is the broker's name and the queue's id, such as
// broker-a/3, since each broker has a queue 3.
//
// Not part of the conventions are watermill.topic, watermill.message.uuid,
// watermill.rocketmq.attempts, .try, .outcome, .deliveries, .pause (seconds) and
// .last_delivery, and, as the agent for Java has them when told to,
// messaging.rocketmq.send_result and messaging.rocketmq.queue_offset. A publisher does not
// say messaging.rocketmq.message.type for other messages than delayed and transactional ones.
//
// # With Java
//
// The OpenTelemetry agent for Java writes and reads the properties traceparent, tracestate
// and baggage, and so does this package: a trace goes on in both directions. In Java a message
// that is received alone has its producer's span as the parent; WithMessageAsParent makes it
// so here.
//
// # Metrics
//
//	messaging.client.sent.messages        messages that publishers have tried to send
//	messaging.client.consumed.messages    deliveries that have ended
//	messaging.client.operation.duration   seconds that a message (send), a request (attempt) or
//	                                      the way to the dead letters (dead_letter) took
//	messaging.process.duration            seconds that handlers had messages
//
// Their attributes are messaging.system, messaging.operation.name, messaging.operation.type
// (client.operation.duration), messaging.destination.name, messaging.consumer.group.name,
// server.address, server.port and error.type: none that differs with each message, and not the
// queue, of which a topic may have many. A program with a topic for each customer drops
// messaging.destination.name by a view of the SDK. A message that was refused before it was
// sent is in the durations only.
//
// # Errors
//
// error.type is, for messages and attempts: RocketMQ's name of a broker's answer
// (SYSTEM_BUSY, TOPIC_NOT_EXIST, its number where there is no name), timeout, canceled,
// closed, overloaded, not_attempted, connection, no_route, or the name of the error's Go type.
// For deliveries: timeout (subscriber.Config.MaxProcessing), lease_lost, queue_lost, released
// (the subscriber has ended), the Go type of the error that a handler has returned to
// Middleware, or nack. The status of the span has the text.
//
// # Cost
//
// Without a sampler that wants a message it is what OpenTelemetry needs to find that out and
// the property traceparent, which says so to consumers; BenchmarkHooks tells. Without these hooks it is nothing.
package otelrocketmq

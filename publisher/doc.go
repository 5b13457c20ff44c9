// Package publisher is a Watermill Publisher for Apache RocketMQ.
//
// The road of a message through this package, file by file:
//
//	publisher.go   Publish lets the call in and prepares every message
//	prepare.go     topic name, marshaler, limits: all that can refuse a message
//	messageid.go   the unique message id
//	entry.go       a message that is ready to be sent
//	call.go        the call that waits for its messages
//	outbox.go      the messages of a topic, gathered into batches
//	batch.go       one batch, from its first attempt to the results
//	attempt.go     one attempt: queue, broker address, request, answer
//	verdict.go     what a failed attempt means: again, elsewhere, or the end
//	result.go      what became of a message
//	errors.go      what Publish returns when not all is well
//
// Beside the road: heartbeat.go tells brokers that the producer lives, events.go
// turns what the lower packages report into log lines, close.go ends it all.
package publisher

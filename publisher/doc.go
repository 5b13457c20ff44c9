// Package publisher is a Watermill Publisher for Apache RocketMQ.
//
// The road of a message through this package, file by file:
//
//	publisher.go   Publish lets the call in and prepares every message
//	prepare.go     topic name, marshaler, limits: all that can refuse a message
//	size.go        the limit of a body
//	messageid.go   the unique message id
//	gate.go        the bound on all messages that are not yet published
//	entry.go       a message that is ready to be sent
//	call.go        the call that waits for its messages
//	outbox.go      the messages of a topic (outboxes.go: of all topics)
//	lane.go        those that share requests, gathered into batches
//	watch.go       the time of the calls that wait
//	keys.go        which lane an ordering key belongs to
//	keyhash.go     which queue that is, as other clients see it
//	batch.go       one batch, from its first attempt to the results
//	attempt.go     one attempt: queue, broker address, request, answer
//	decorator.go   what all requests carry: their signature
//	queues.go      the queue of a message without a key
//	load.go        how many requests each broker has in work
//	health.go      which brokers were slow or failed, and for how long that counts
//	verdict.go     what a failed attempt means: again, elsewhere, or the end
//	refusal.go     failures that come from access control and certificates
//	result.go      what became of a message
//	errors.go      what Publish returns when not all is well (securityerrors.go:
//	               when credentials or certificates are refused)
//	async.go       a call that nobody waits in
//	delivery.go    tells OnResult of the results of such calls
//	flush.go       waits until all of them have been told
//	oneway.go      messages that want no answer
//
// Transactions, which are messages that take this road and then wait:
//
//	transaction.go   the half message and its end by the caller
//	transactions.go  those that are open, and how the latest have ended
//	checker.go       the questions of brokers, asked of the user's function
//
// Beside the road: heartbeat.go tells brokers that the producer lives, events.go
// turns what the lower packages report into log lines, timelimit.go bounds attempts
// in time, hooks.go tells the user's functions what happens, trace.go sends message
// traces (tracerecord.go: what is in them), close.go ends it all.
package publisher

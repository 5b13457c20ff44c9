// Package transport carries requests to RocketMQ brokers and name servers over
// long-lived connections, one per address, shared by all callers.
//
// Requests are pipelined: a call does not wait for the answer of the one before.
// Each connection has two goroutines, a writer that sends all that is queued in
// as few writes as it can, and a reader that hands each answer to the call with
// the same opaque number. There is none per call. On a plain TCP connection a
// lone call needs neither: its caller writes the request and reads the answer,
// until others come or it takes long.
//
// A connection that breaks answers every pending call at once, and each error
// says whether the request may have reached the peer (OpError.Sent).
//
// A Client dials an address when the first call needs it, without holding up
// calls to other addresses, and again after the connection was lost. It does not
// retry: what was not answered is for the caller to judge.
//
// Requests that a peer makes itself, such as a broker's check of a transaction, go
// to the handlers of Config.Requests, which may answer them later. Those without a
// handler that want an answer get REQUEST_CODE_NOT_SUPPORTED.
package transport

// Package consumers holds the candidates of a comparison of consumers that are written
// in Go, each behind the same small interface: the subscriber of this project,
// rocketmq-client-go, and raw pulls and pops, the limit of what a connection can carry.
// Each runs in a process of its own, see Serve.
package consumers

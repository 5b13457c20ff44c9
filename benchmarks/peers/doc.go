// Package peers holds the candidates that are written in Go, each behind the same
// small interface: the publisher of this project, rocketmq-client-go, a plain
// Watermill adapter over it, and raw frames, the limit of what a connection can
// carry. Each runs in a process of its own, see Serve.
package peers

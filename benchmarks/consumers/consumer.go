package consumers

import (
	"context"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// Kind names a candidate.
type Kind string

// The candidates written in Go.
const (
	OursPOP     Kind = "watermill-rocketmq-pop"
	OursPull    Kind = "watermill-rocketmq-pull"
	OursOrdered Kind = "watermill-rocketmq-ordered-pop"
	ClientGo    Kind = "rocketmq-client-go-push"
	RawPull     Kind = "raw-pull"
	RawPop      Kind = "raw-pop"
)

// Consumer does tasks, one at a time.
type Consumer interface {
	// Consume joins the task's group as a new consumer, tells m of every message, and
	// leaves the group when m is done or ctx has ended.
	Consume(ctx context.Context, task meter.Task, m *meter.Meter) error
}

// Open makes the candidate. It connects to the name server when it has a task.
func Open(kind Kind, nameServer string) (Consumer, error) {
	switch kind {
	case OursPOP, OursPull, OursOrdered:
		return openOurs(kind, nameServer)
	case ClientGo:
		return newClientGo(nameServer), nil
	case RawPull:
		return &raw{nameServer, newPulls}, nil
	case RawPop:
		return &raw{nameServer, newPops}, nil
	}
	return nil, fmt.Errorf("consumers: no candidate is called %q", kind)
}

// await waits until m is done or ctx has ended.
func await(ctx context.Context, m *meter.Meter) {
	select {
	case <-m.Done():
	case <-ctx.Done():
	}
}

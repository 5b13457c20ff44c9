package peers

import (
	"context"
	"fmt"
	"os"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
)

// Kind names a candidate.
type Kind string

// The candidates written in Go.
const (
	Ours          Kind = "watermill-rocketmq"
	OursAsync     Kind = "watermill-rocketmq-async"
	ClientGo      Kind = "rocketmq-client-go"
	ClientGoAsync Kind = "rocketmq-client-go-async"
	Adapter       Kind = "plain-adapter"
	Raw           Kind = "raw"
)

// Peer runs measurements, one at a time.
type Peer interface {
	Run(ctx context.Context, task load.Task) (load.Sample, error)
	Close() error
}

// Open makes the candidate and connects it to a name server.
func Open(kind Kind, nameServer string) (Peer, error) {
	switch kind {
	case Ours:
		return openOurs(nameServer)
	case OursAsync:
		return openOursAsync(nameServer)
	case ClientGo:
		return openClientGo(nameServer)
	case ClientGoAsync:
		return openClientGoAsync(nameServer)
	case Adapter:
		return openAdapter(nameServer)
	case Raw:
		return openRaw(nameServer)
	}
	return nil, fmt.Errorf("peers: no candidate is called %q", kind)
}

// newSend makes what one caller of a task calls over and over.
type newSend func(task load.Task, body []byte) load.Send

// runCallers runs the task with a Send for each caller.
func runCallers(ctx context.Context, task load.Task, make newSend) (load.Sample, error) {
	body, err := os.ReadFile(task.Body)
	if err != nil {
		return load.Sample{}, fmt.Errorf("peers: %w", err)
	}
	var sends []load.Send
	for range task.Callers {
		sends = append(sends, make(task, body))
	}
	return load.Run(ctx, task, sends)
}

// newStart makes what begins the calls of one place, see load.RunAsync.
type newStart func(task load.Task, body []byte) load.Start

// runPlaces runs the task with a Start for each of Task.Depth calls under way. Each
// call has one message: the clients' accumulators, not the benchmark, make the
// batches.
func runPlaces(ctx context.Context, task load.Task, make newStart) (load.Sample, error) {
	if task.PerCall != 1 {
		return load.Sample{}, fmt.Errorf("peers: %d messages per asynchronous call, want 1", task.PerCall)
	}
	body, err := os.ReadFile(task.Body)
	if err != nil {
		return load.Sample{}, fmt.Errorf("peers: %w", err)
	}
	var starts []load.Start
	for range task.Depth {
		starts = append(starts, make(task, body))
	}
	return load.RunAsync(ctx, task, starts)
}

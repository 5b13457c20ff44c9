package peers

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// raw is the limit: frames that were encoded beforehand, on one connection with
// Task.Depth of them outstanding.
type raw struct {
	client *transport.Client
	routes *routing.Table
}

func openRaw(nameServer string) (Peer, error) {
	client, err := transport.New(transport.Config{Serialization: headers.Binary})
	if err != nil {
		return nil, err
	}
	routes, err := routing.New(routing.Config{NameServers: []string{nameServer}}, client)
	if err != nil {
		_ = client.Close() // it has no connection yet
		return nil, err
	}
	return &raw{client, routes}, nil
}

func (r *raw) Close() error {
	if err := r.routes.Close(); err != nil {
		return err
	}
	return r.client.Close()
}

func (r *raw) Run(ctx context.Context, task load.Task) (load.Sample, error) {
	p, err := r.prepare(ctx, task)
	if err != nil {
		return load.Sample{}, err
	}
	var warm load.Sample
	if task.WarmUp > 0 {
		if warm, err = p.run(ctx, task.WarmUp); err != nil {
			return load.Sample{}, err
		}
	}
	before, err := load.UsageNow()
	if err != nil {
		return load.Sample{}, err
	}
	s, err := p.run(ctx, task.Length)
	if err != nil {
		return load.Sample{}, err
	}
	used, err := before.Since()
	if err != nil {
		return load.Sample{}, err
	}
	s.CPU, s.Mallocs = used.CPU, used.Mallocs
	s.Acknowledged = warm.Measured + s.Measured
	return s, nil
}

// prepare finds the broker and encodes a frame for each place in the pipeline, in
// turn to the topic's queues.
func (r *raw) prepare(ctx context.Context, task load.Task) (*pipeline, error) {
	payload, err := os.ReadFile(task.Body)
	if err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	route, err := r.routes.Route(ctx, task.Topic)
	if err != nil {
		return nil, err
	}
	queues := route.WriteQueues()
	addr, ok := route.BrokerAddr(queues[0].BrokerName)
	if !ok {
		return nil, fmt.Errorf("peers: raw: no address of broker %s", queues[0].BrokerName)
	}
	p := &pipeline{addr: addr, perFrame: task.PerCall, sent: make([]time.Duration, task.Depth)}
	for i := range task.Depth {
		frame, err := encodeFrame(int32(i), queues[i%len(queues)], payload, task.PerCall)
		if err != nil {
			return nil, err
		}
		p.frames = append(p.frames, frame)
	}
	return p, nil
}

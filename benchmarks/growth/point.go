package growth

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Axis is what grows.
type Axis string

// The axes.
const (
	Goroutines Axis = "goroutines"
	Topics     Axis = "topics"
	Queues     Axis = "queues"
	Brokers    Axis = "brokers"
)

// Axes are all of them.
var Axes = []Axis{Goroutines, Topics, Queues, Brokers}

// Point is one measurement.
type Point struct {
	Axis Axis          `json:"axis"`
	N    int           `json:"n"`
	Rate float64       `json:"rate"`
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	// CPU and Mallocs per message, the broker's included.
	CPU     time.Duration `json:"cpu"`
	Mallocs float64       `json:"mallocs"`
}

// setup is what a point is measured on.
type setup struct{ goroutines, topics, queues, brokers int }

// usual is the setup of all but the axis that grows.
var usual = setup{goroutines: 64, topics: 1, queues: 8, brokers: 1}

var steps = map[Axis][]int{
	Goroutines: {1, 4, 16, 64, 256, 1000, 4000, 10_000},
	Topics:     {1, 4, 16, 64, 256, 1000},
	Queues:     {1, 4, 16, 64, 256},
	Brokers:    {1, 2, 3, 4},
}

func (a Axis) at(n int) setup {
	s := usual
	switch a {
	case Goroutines:
		s.goroutines = n
	case Topics:
		s.topics = n
	case Queues:
		s.queues = n
	case Brokers:
		s.brokers = n
	}
	return s
}

// bodySize is that of every message.
const bodySize = 1 << 10

// Measure measures every point of every axis for the given time each.
func Measure(ctx context.Context, length time.Duration) ([]Point, error) {
	var points []Point
	for _, axis := range Axes {
		for _, n := range steps[axis] {
			s, err := axis.at(n).measure(ctx, length)
			if err != nil {
				return points, fmt.Errorf("growth: %d %s: %w", n, axis, err)
			}
			points = append(points, Point{
				Axis: axis, N: n, Rate: s.Rate(), P50: s.Latency.Quantile(0.5), P99: s.Latency.Quantile(0.99),
				CPU: s.CPUPerMessage(), Mallocs: s.MallocsPerMessage(),
			})
		}
	}
	return points, nil
}

func (s setup) measure(ctx context.Context, length time.Duration) (load.Sample, error) {
	var topics []string
	options := []embedded.Option{embedded.WithBrokers(s.brokers), embedded.WithRetention(100)}
	for i := range s.topics {
		topics = append(topics, fmt.Sprintf("topic-%d", i))
		options = append(options, embedded.WithTopic(topics[i], s.queues))
	}
	cluster, err := embedded.Start(options...)
	if err != nil {
		return load.Sample{}, err
	}
	defer cluster.Close()
	p, err := publisher.New(publisher.Config{NameServers: cluster.NameServers()}, nil)
	if err != nil {
		return load.Sample{}, err
	}
	defer p.Close()
	var turn atomic.Uint64
	var sends []load.Send
	for range s.goroutines {
		m := message.NewMessage(watermill.NewUUID(), slices.Repeat([]byte{'x'}, bodySize))
		sends = append(sends, func() (int, error) {
			if err := p.Publish(topics[turn.Add(1)%uint64(len(topics))], m); err != nil {
				return 0, err
			}
			return 1, nil
		})
	}
	return load.Run(ctx, load.Task{Callers: s.goroutines, PerCall: 1, WarmUp: length / 4, Length: length}, sends)
}

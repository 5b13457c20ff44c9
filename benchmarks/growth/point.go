package growth

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
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
	Axis Axis    `json:"axis"`
	N    int     `json:"n"`
	Rate float64 `json:"rate"`
	// Rates are those of all rounds, in their order, of a point that has several.
	// The other figures are of the round with the median rate.
	Rates []float64     `json:"rates,omitempty"`
	P50   time.Duration `json:"p50"`
	P99   time.Duration `json:"p99"`
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

// compared are the numbers of topics that a target compares. They are measured in
// every round, all else once.
var compared = []int{1, 1000}

// Measure measures every point of every axis for the given time, and those that a
// target compares as many times as there are rounds.
func Measure(ctx context.Context, length time.Duration, rounds int) ([]Point, error) {
	var points []Point
	for _, axis := range Axes {
		for _, n := range steps[axis] {
			p, err := axis.measure(ctx, n, length)
			if err != nil {
				return points, err
			}
			points = append(points, p)
		}
	}
	return points, repeat(points, rounds, func(n int) (Point, error) { return Topics.measure(ctx, n, length) })
}

// repeat has measure measure the points that are compared in the rounds after the
// first, and replaces each by its median round.
func repeat(points []Point, rounds int, measure func(topics int) (Point, error)) error {
	at := map[int]int{}
	all := map[int][]Point{}
	for _, n := range compared {
		at[n] = slices.IndexFunc(points, func(p Point) bool { return p.Axis == Topics && p.N == n })
		all[n] = []Point{points[at[n]]}
	}
	for range rounds - 1 {
		for _, n := range compared {
			p, err := measure(n)
			if err != nil {
				return err
			}
			all[n] = append(all[n], p)
		}
	}
	for n, same := range all {
		points[at[n]] = median(same)
	}
	return nil
}

// measure measures one point.
func (a Axis) measure(ctx context.Context, n int, length time.Duration) (Point, error) {
	s, err := a.at(n).measure(ctx, length)
	if err != nil {
		return Point{}, fmt.Errorf("growth: %d %s: %w", n, a, err)
	}
	return Point{
		Axis: a, N: n, Rate: s.Rate(), P50: s.Latency.Quantile(0.5), P99: s.Latency.Quantile(0.99),
		CPU: s.CPUPerMessage(), Mallocs: s.MallocsPerMessage(),
	}, nil
}

// median picks the round with the median rate.
func median(rounds []Point) Point {
	var rates []float64
	for _, p := range rounds {
		rates = append(rates, p.Rate)
	}
	byRate := slices.SortedFunc(slices.Values(rounds), func(a, b Point) int { return cmp.Compare(a.Rate, b.Rate) })
	p := byRate[(len(byRate)-1)/2]
	p.Rates = rates
	return p
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
	p, err := publisher.New(publisher.Config{
		Cluster:     rocketmq.Cluster{NameServers: cluster.NameServers()},
		SendTimeout: time.Minute, AttemptTimeout: time.Minute, // a machine that stands still for some seconds is no failure
	}, nil)
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
	return load.Run(ctx, load.Task{Callers: s.goroutines, PerCall: 1, WarmUp: length / 2, Length: length}, sends)
}

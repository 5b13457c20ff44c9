package consumption

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// latencyTopic has nothing to do but for the messages of one measurement.
const latencyTopic = "latency"

// measureLatencies has the candidates that wait for messages take turns.
func (c *course) measureLatencies(ctx context.Context) (err error) {
	waiting := slices.DeleteFunc(c.settings.Chosen(), func(k Candidate) bool { return !k.Waits })
	if len(waiting) == 0 {
		return nil
	}
	topic, err := c.broker.CreateTopic(ctx, latencyTopic, topicQueues)
	if err != nil {
		return err
	}
	entrants, err := c.enterAll(ctx, waiting, "latency")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(entrants)) }()
	c.report.Latencies = make([]Latency, len(entrants))
	for i, e := range entrants {
		c.report.Latencies[i].Candidate = e.ID
	}
	next := int64(0)
	for round := range c.settings.Rounds {
		for turn := range entrants {
			at := (turn + round) % len(entrants)
			e, l := entrants[at], &c.report.Latencies[at]
			if e.out {
				continue
			}
			ok, err := c.tryTwice(ctx, e, &l.Failures, func() error {
				r, err := c.measureLatency(ctx, e, topic, next)
				next += c.settings.latencyMessages()
				if err == nil {
					l.Rounds = append(l.Rounds, r)
				}
				return err
			})
			if err != nil {
				return err
			}
			if ok {
				r := l.Rounds[len(l.Rounds)-1]
				c.settings.Log.Printf("latency round %d: %-34s p50 %s, p90 %s, p99 %s", round+1, e.Name,
					r.P50.Round(time.Microsecond), r.P90.Round(time.Microsecond), r.P99.Round(time.Microsecond))
			}
		}
	}
	return nil
}

// startTime is how long a candidate may take until it has its first message.
const startTime = time.Minute

// measureLatency takes one measurement.
func (c *course) measureLatency(ctx context.Context, e *entrant, topic *broker.Topic, first int64) (LatencyRound, error) {
	task := &meter.Task{
		Topic: topic.Name, Group: c.newGroup(e), Queues: topic.Queues, First: first, Messages: c.settings.latencyMessages(),
		Arrivals: true, Limit: startTime + 2*c.settings.LatencyLength,
	}
	if err := e.process.Tell(task); err != nil {
		return LatencyRound{}, err
	}
	if err := c.probe(ctx, e, task); err != nil {
		return LatencyRound{}, err
	}
	sends, failed := c.publishPaced(ctx, task)
	sample, err := e.hear(task, false) // also if a message is missing: it is the reply to this task
	if err := errors.Join(failed, err); err != nil {
		return LatencyRound{}, err
	}
	return newLatencyRound(sends, sample.Arrivals)
}

// probe publishes probes until the candidate has said that it gets them, and lets it
// come to rest.
func (c *course) probe(ctx context.Context, e *entrant, task *meter.Task) error {
	heard := make(chan error, 1)
	go func() {
		_, err := e.hear(task, true)
		heard <- err
	}()
	content := contest.Body128.Content()
	for {
		err := c.publisher.Publish(task.Topic, numbered(content, meter.Probe, 1)...)
		select {
		case said := <-heard:
			if err = errors.Join(err, said); err == nil {
				err = broker.Pause(ctx, 300*time.Millisecond)
			}
			return err
		case <-time.After(100 * time.Millisecond): // the candidate ends the wait: it has a limit
		}
	}
}

// send is when a message's call began and when it was acknowledged, in nanoseconds since
// 1970.
type send struct{ began, acknowledged int64 }

// publishPaced publishes the task's messages one by one at their times.
func (c *course) publishPaced(ctx context.Context, task *meter.Task) ([]send, error) {
	content := contest.Body128.Content()
	interval := time.Duration(float64(time.Second) / c.settings.LatencyRate)
	begin := time.Now()
	var sends []send
	for i := range task.Messages {
		if err := broker.Pause(ctx, time.Until(begin.Add(time.Duration(i)*interval))); err != nil {
			return sends, err
		}
		msg := numbered(content, task.First+i, 1)
		began := time.Now().UnixNano()
		if err := c.publisher.Publish(task.Topic, msg...); err != nil {
			return sends, fmt.Errorf("consumption: latency: %w", err)
		}
		sends = append(sends, send{began, time.Now().UnixNano()})
	}
	return sends, nil
}

// newLatencyRound compares when messages were sent with when they came.
func newLatencyRound(sends []send, arrivals []int64) (LatencyRound, error) {
	if len(sends) != len(arrivals) || len(sends) == 0 {
		return LatencyRound{}, fmt.Errorf("consumption: latency: %d messages sent and %d arrived", len(sends), len(arrivals))
	}
	var after, whole, calls []time.Duration
	for i, s := range sends {
		// A message may be there before the publisher knows that it is stored.
		after = append(after, time.Duration(max(arrivals[i]-s.acknowledged, 1)))
		whole = append(whole, time.Duration(arrivals[i]-s.began))
		calls = append(calls, time.Duration(s.acknowledged-s.began))
	}
	return LatencyRound{
		P50: quantile(after, 0.5), P90: quantile(after, 0.9), P99: quantile(after, 0.99),
		FromCall: quantile(whole, 0.5), Publish: quantile(calls, 0.5), Messages: int64(len(sends)),
	}, nil
}

// quantile is the least that a share q of all do not exceed.
func quantile(all []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

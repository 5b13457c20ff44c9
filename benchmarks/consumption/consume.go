package consumption

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// consumeAll measures all candidates with each body.
func (c *course) consumeAll(ctx context.Context) error {
	for i, body := range bodies {
		all, err := c.store(ctx, "consume"+string(body), body, c.settings.Messages)
		if err != nil {
			return err
		}
		few, err := c.store(ctx, "consumeFew"+string(body), body, c.settings.few())
		if err != nil {
			return err
		}
		if i == 0 && c.settings.Real {
			if err := c.warm(ctx, all); err != nil {
				return err
			}
		}
		if err := c.consumeBody(ctx, body, all, few); err != nil {
			return fmt.Errorf("consuming %s: %w", body, err)
		}
	}
	return nil
}

// warmTime is how long raw pulls and pops warm a broker that has only just started.
const warmTime = 15 * time.Second

// warm reads the messages over and over.
func (c *course) warm(ctx context.Context, all *backlog) (err error) {
	var raw []Candidate
	for _, id := range []string{RawPull, RawPop} {
		candidate, _ := CandidateByID(id)
		raw = append(raw, candidate)
	}
	entrants, err := c.enterAll(ctx, raw, "warm-up")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(entrants)) }()
	begin := time.Now()
	for i := 0; time.Since(begin) < warmTime; i++ {
		e := entrants[i%len(entrants)]
		if _, _, err := c.run(ctx, e, all); err != nil {
			return fmt.Errorf("warm-up: %w", err)
		}
	}
	return nil
}

// consumeBody runs the rounds: in each all candidates have their turn, and in each
// another one begins. Each has a trial run before.
func (c *course) consumeBody(ctx context.Context, body contest.Body, all, few *backlog) (err error) {
	entrants, err := c.enterAll(ctx, c.settings.Chosen(), string(body))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, leave(entrants)) }()
	of := func(e *entrant) *backlog {
		if e.Slow {
			return few
		}
		return all
	}
	first := len(c.report.Results)
	for _, e := range entrants {
		c.report.Results = append(c.report.Results, Result{Body: body, Candidate: e.ID})
		trial := few
		if e.Java != "" {
			trial = of(e) // its virtual machine has to compile
		}
		if _, _, err := c.run(ctx, e, trial); err != nil && ctx.Err() == nil {
			c.settings.Log.Printf("consuming %s: the trial run of %s failed: %v", body, e.Name, err)
		}
	}
	for round := range c.settings.Rounds {
		for turn := range entrants {
			at := (turn + round) % len(entrants)
			e, result := entrants[at], &c.report.Results[first+at]
			if e.out {
				continue
			}
			ok, err := c.tryTwice(ctx, e, &result.Failures, func() error {
				r, err := c.consume(ctx, e, of(e))
				if err == nil {
					result.Rounds = append(result.Rounds, r)
				}
				return err
			})
			if err != nil {
				return err
			}
			if ok {
				r := result.Rounds[len(result.Rounds)-1]
				c.settings.Log.Printf("consuming %s round %d: %-34s %9.0f msg/s, CPU %.1f + %.1f µs/msg, %d duplicates",
					body, round+1, e.Name, r.Rate, CPU(&r), BrokerCPU(&r), r.Duplicates)
			}
		}
	}
	return nil
}

// run has a candidate consume all of a topic with a group that is new.
func (c *course) run(ctx context.Context, e *entrant, of *backlog) (group string, s *meter.Sample, err error) {
	task := &meter.Task{
		Topic: of.Name, Group: c.newGroup(e), Queues: of.Queues, Messages: of.messages, BrokerPID: c.brokerPID,
		// Ten times as long as the slowest needs.
		Limit: time.Minute + time.Duration(of.messages)*300*time.Microsecond,
	}
	if e.Java == javaPOP {
		if err := havePop(ctx, of.Topic, task.Group); err != nil {
			return "", nil, err
		}
	}
	s, err = e.run(task)
	return task.Group, s, err
}

// consume takes one measurement, and has the broker's word for the acknowledgements.
func (c *course) consume(ctx context.Context, e *entrant, of *backlog) (Round, error) {
	if err := context.Cause(ctx); err != nil {
		return Round{}, err
	}
	brokerIdle, err := c.brokerIdle(ctx)
	if err != nil {
		return Round{}, err
	}
	group, s, err := c.run(ctx, e, of)
	if err != nil {
		return Round{}, err
	}
	r := newRound(group, s, brokerIdle)
	switch e.Proof {
	case ByOffsets:
		if r.Unproved, err = awaitCommitted(ctx, of, group); err != nil {
			return Round{}, err
		}
	case ByRetries:
		c.leases.add(of.Topic, group)
	}
	return r, nil
}

// idleTime is how long a real broker is watched while nothing is asked of it.
const idleTime = 500 * time.Millisecond

// brokerIdle is how much of a core the broker uses while nothing is asked of it: what is
// left to do of the measurements before is in it.
func (c *course) brokerIdle(ctx context.Context) (float64, error) {
	if c.brokerPID == 0 || !c.settings.Real { // the embedded one rests
		return 0, nil
	}
	before, err := child.CPU(c.brokerPID)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	if err := broker.Pause(ctx, idleTime); err != nil {
		return 0, err
	}
	after, err := child.CPU(c.brokerPID)
	return float64(after-before) / float64(time.Since(begin)), err
}

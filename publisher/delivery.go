package publisher

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// delivery takes one message from its first attempt to its result.
type delivery struct {
	publisher *Publisher
	message   *prepared
	result    *Result
	// avoid names the brokers that failed this message, the latest last.
	avoid []string
}

// run makes attempts until one succeeds, one fails for good, or the time is up.
func (d *delivery) run(parent context.Context) {
	p := d.publisher
	ctx, cancel := context.WithTimeoutCause(parent, p.cfg.SendTimeout, ErrSendTimeout)
	defer cancel()
	var last error
	for {
		// Checked before each attempt, the first included, so that a context
		// that has ended sends nothing.
		if cause := d.ended(ctx); cause != nil {
			d.giveUp(cause, last)
			return
		}
		d.result.Attempts++
		began := p.now()
		queue, addr, err := d.attempt(ctx)
		if err == nil {
			return
		}
		last = err
		v := judge(err)
		d.result.Outcome = max(d.result.Outcome, v.outcome)
		d.result.addFailed(Attempt{
			MessageQueue: queue, Addr: addr, Began: began, Took: p.now().Sub(began),
			Outcome: v.outcome, Err: err,
		})
		d.react(v, queue, addr)
		if !v.again {
			d.result.Err = err
			return
		}
		d.pause(ctx)
	}
}

// ended returns why no further attempt may be made, nil if one may.
func (d *delivery) ended(ctx context.Context) error {
	select {
	case <-d.publisher.cut:
		return ErrClosed
	default:
	}
	err := ctx.Err()
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, ErrSendTimeout) || errors.Is(cause, err) {
		return cause
	}
	// Callers look for context.Canceled as often as for the cause they gave.
	return fmt.Errorf("%w: %w", err, cause)
}

// giveUp ends the delivery with what the time-out, the caller or Close says, and
// the last attempt's error behind it.
func (d *delivery) giveUp(cause, last error) {
	if d.result.Attempts == 0 {
		d.result.Err = cause
		return
	}
	d.result.Err = &GiveUpError{Attempts: d.result.Attempts, Cause: cause, Last: last}
}

// react lets the rest of the publisher learn from a failed attempt.
func (d *delivery) react(v verdict, queue routing.MessageQueue, addr string) {
	if v.refresh {
		d.publisher.routes.Refresh(d.message.header.Topic)
	}
	if v.retire {
		d.publisher.client.Retire(addr)
	}
	if queue.BrokerName != "" {
		d.avoid = append(d.avoid, queue.BrokerName)
		if len(d.avoid) > 2*keptAttempts {
			d.avoid = d.avoid[1:]
		}
	}
}

// pause waits before the next attempt, or until there may be none.
func (d *delivery) pause(ctx context.Context) {
	timer := time.NewTimer(d.publisher.cfg.Backoff.pause(d.result.Attempts))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-d.publisher.cut:
	}
}

// pause returns the pause after the given number of failed attempts.
func (b BackoffConfig) pause(failed int) time.Duration {
	length := b.Max
	if shift := failed - 1; shift < 30 && b.Min<<shift < b.Max && b.Min<<shift > 0 {
		length = b.Min << shift
	}
	if length < 2 {
		return length
	}
	return length/2 + rand.N(length/2+1)
}

package subscriber

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Pauses between two attempts to reach a cluster.
const (
	minReachPause = 100 * time.Millisecond
	maxReachPause = 2 * time.Second
)

// untilReached does what a subscription to the topic begins with, again and again while
// servers cannot be reached, until ctx ends. It returns the error of the last attempt.
func (s *Subscriber) untilReached(ctx context.Context, topic string, do func(ctx context.Context) error) error {
	for pause := minReachPause; ; pause = min(2*pause, maxReachPause) {
		err := do(ctx)
		if err == nil || !isUnreached(err) || ctx.Err() != nil {
			return err
		}
		if missed, ok := s.logs.unreached.Ask(topic, time.Now()); ok {
			s.logger.Error("Cannot reach RocketMQ to consume a topic, trying again", err, watermill.LogFields{
				"topic": topic, loglimit.Unlogged: missed,
			})
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// isUnreached reports whether an error says no more than that servers could not be reached,
// did not answer in time, or turn requests away for now.
func isUnreached(err error) bool {
	var nameServers *routing.NameServersError
	var wait *routing.WaitError
	var noBrokers *routing.NoBrokersError
	var op *transport.OpError
	var status *headers.StatusError
	switch {
	case errors.Is(err, routing.ErrClosed), errors.Is(err, transport.ErrClosed), verdict.Refusal(err) != nil:
		return false
	case errors.As(err, &op):
		return op.Op != "encode" && op.Op != "decorate"
	case errors.As(err, &status) && isTurnedAway(status):
		return true
	}
	return errors.As(err, &nameServers) || errors.As(err, &wait) || errors.As(err, &noBrokers)
}

// isTurnedAway reports whether an answer says that the broker is busy, starts or ends.
func isTurnedAway(status *headers.StatusError) bool {
	v := verdict.Of(status)
	return v.Outcome == verdict.NotSent && v.Again() && v.Broker == verdict.Refuses && status.Code != headers.NoPermission
}

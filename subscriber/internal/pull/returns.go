package pull

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Delay levels of CONSUMER_SEND_MSG_BACK that are none of the table.
const (
	// byDeliveries is a level by how often the message was delivered.
	byDeliveries = 0
	// toDeadLetters puts the message into the dead letter topic.
	toDeadLetters = -1
)

// delayLevel returns the first level that is not shorter than the pause, the last one if
// all are.
func delayLevel(pause time.Duration) int32 {
	levels := headers.DelayLevels()
	for i, level := range levels {
		if level >= pause {
			return int32(i + 1)
		}
	}
	return int32(len(levels))
}

const (
	// keptFor is how long a broker is taken to keep what the group sends back since it was
	// asked.
	keptFor = 30 * time.Second
	// homelessPause is the first pause that brokers choose (delay level 3).
	homelessPause = 10 * time.Second
)

// keepsReturns reports whether the broker keeps what the group sends back. No broker before
// 5.0 tells.
func (e *Engine) keepsReturns(ctx context.Context, q routing.MessageQueue) (bool, error) {
	e.mu.Lock()
	asked := e.keeping[q.BrokerName]
	e.mu.Unlock()
	if time.Since(asked) < keptFor {
		return true, nil
	}
	answer, err := e.askBroker(ctx, q.Topic, q.BrokerName, &headers.GroupRequest{Code: headers.CodeSubscriptionGroup, ConsumerGroup: e.group}, nil)
	keeps, err := engine.KeepsReturns(&answer, answerIn(err))
	if err != nil {
		return false, &BrokerError{Broker: q.BrokerName, What: headers.CodeSubscriptionGroup.String(), Err: err}
	}
	if keeps {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.keeping[q.BrokerName] = time.Now()
	}
	return keeps, nil
}

// sendBack has the broker that has a message copy it to the retry topic of the group, or
// to its dead letter topic. How often a message is delivered is for its lane to decide, so
// that the broker is told of no bound.
func (e *Engine) sendBack(ctx context.Context, q routing.MessageQueue, m *delivery.Message, level int32) error {
	keeps, err := e.keepsReturns(ctx, q)
	if err != nil {
		return err
	}
	if !keeps {
		return &BrokerError{Broker: q.BrokerName, What: headers.CodeConsumerSendBack.String(), Err: engine.ErrNoRetryQueues}
	}
	_, err = e.askBroker(ctx, q.Topic, q.BrokerName, &headers.ConsumerSendBack{
		Offset: m.Stored.CommitLogOffset, ConsumerGroup: e.group, DelayLevel: level,
		OriginMessageID: m.UniqueKey(), OriginTopic: m.Stored.Topic,
		MaxReconsumeTimes: math.MaxInt32, HasMaxReconsumeTimes: true,
	}, nil)
	if engine.SentBack(answerIn(err)) == nil {
		err = nil
	}
	if err == nil && level >= 0 {
		e.retriesExpected()
	}
	return err
}

// returns sends messages of a queue back to the broker, one after the other, and has them
// acked when the broker has its copy. If the broker would drop them, or refuses them, their
// pauses are waited out here. It has a goroutine while there are some.
type returns struct {
	reader *reader

	mu      sync.Mutex // guards what follows
	list    []returned
	running bool
	idle    chan struct{} // closed when the list is empty and somebody waits for it
}

type returned struct {
	progress *progress
	message  *delivery.Message
	level    int32
	pause    time.Duration
}

// waitHere has the message delivered again after its pause by this member. A broker that
// refuses it is not asked more often than every maxPause.
func (r *returned) waitHere(refusal error) {
	pause := r.pause
	if !errors.Is(refusal, engine.ErrNoRetryQueues) {
		pause = max(pause, maxPause)
	}
	r.progress.failHere(r.message.Stored.QueueOffset)
	r.progress.releaseIn(pause, r.message.Stored.QueueOffset)
}

// isRefused reports whether a broker does not take a message back that it is sent, nor soon
// will: the group has no retry queues, the broker is read-only, or it does not have the message
// any more. One that is busy will.
func isRefused(err error) bool {
	if errors.Is(err, engine.ErrNoRetryQueues) {
		return true
	}
	status, ok := answerIn(err).(*headers.StatusError)
	if !ok || engine.IsPassing(status) {
		return false
	}
	switch status.Code {
	case headers.SystemBusy, headers.ServiceNotAvailable, headers.FlowControl, headers.GoAway:
		return false
	}
	return true
}

// add has a message sent back. It does not wait.
func (s *returns) add(p *progress, m *delivery.Message, level int32, pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, returned{p, m, level, pause})
	if !s.running {
		s.running = true
		s.reader.helpers.Go(s.run)
	}
}

func (s *returns) run() {
	r := s.reader
	var pause backoff
	for {
		s.mu.Lock()
		if len(s.list) == 0 {
			s.list, s.running = nil, false
			if s.idle != nil {
				close(s.idle)
				s.idle = nil
			}
			s.mu.Unlock()
			return
		}
		first := s.list[0]
		s.mu.Unlock()
		for {
			err := r.engine.sendBack(r.life, r.queue, first.message, first.level)
			if err == nil {
				first.progress.ack(first.message.Stored.QueueOffset)
				break
			}
			if isRefused(err) {
				r.engine.logs.failed("Cannot send a message back to its broker, waiting out its pause here", err, r.queue)
				first.waitHere(err)
				break
			}
			if r.life.Err() != nil {
				return // it stays unacked
			}
			r.engine.logs.failed("Cannot send a message back to its broker, keeping it", err, r.queue)
			if !pause.wait(r.life) {
				return
			}
		}
		pause.reset()
		s.mu.Lock()
		s.list[0] = returned{}
		s.list = s.list[1:]
		s.mu.Unlock()
	}
}

// wait waits until all is sent back, as long as a request may take, or until ctx ends.
func (s *returns) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.reader.engine.cfg.RequestTimeout)
	defer cancel()
	s.mu.Lock()
	if !s.running {
		s.mu.Unlock()
		return
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	case <-s.reader.life.Done():
	}
}

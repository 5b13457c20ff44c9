package subscriber

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// errStartTimeout is why Subscribe gives up.
var errStartTimeout = errors.New("Config.StartTimeout is over")

// errEnded is why the start of a subscription ends that nobody wants any more.
var errEnded = errors.New("subscription has ended")

// subscription is what one call of Subscribe has begun.
type subscription struct {
	s      *Subscriber
	topic  string // Watermill's name
	what   engine.Topic
	output *delivery.Output
	logger watermill.LoggerAdapter

	// starting ends when the subscription does. It is for a start in the background.
	starting    context.Context
	endStarting context.CancelCauseFunc
	started     sync.WaitGroup // the start in the background

	mu      sync.Mutex     // guards what follows
	fetcher engine.Fetcher // nil while there is no topic
	unwatch func() bool    // ends the wait for the end of the caller's context

	stopping, ending atomic.Bool
	stopped          chan struct{} // closed when nothing is fetched any more
	ended            chan struct{} // closed when all is over; err is set before
	err              error
}

// newSubscription returns a subscription that has not begun.
func (s *Subscriber) newSubscription(ctx context.Context, topic string) (*subscription, error) {
	what, err := s.topic(topic)
	if err != nil {
		return nil, err
	}
	sub := &subscription{
		s: s, topic: topic, what: what,
		logger:  s.logger.With(watermill.LogFields{"topic": topic}),
		stopped: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	sub.starting, sub.endStarting = context.WithCancelCause(s.life)
	sub.output = delivery.New(sub.deliveryConfig(ctx))
	return sub, nil
}

// begin begins to fetch, and has the subscription end with ctx.
func (sub *subscription) begin(ctx context.Context) error {
	starting, cancel := context.WithTimeoutCause(ctx, sub.s.cfg.StartTimeout, errStartTimeout)
	defer cancel()
	defer context.AfterFunc(sub.starting, cancel)()
	err := sub.s.untilReached(starting, sub.topic, sub.start)
	if isMissing(err) {
		sub.started.Add(1)
		go sub.startLater()
	} else if err != nil {
		sub.output.Drain(starting)
		if cause := context.Cause(sub.starting); cause != nil {
			return cause
		}
		sub.endStarting(err) // or else life keeps it
		return err
	}
	sub.s.mu.Lock()
	sub.s.subscriptions[sub] = struct{}{}
	sub.s.mu.Unlock()
	unwatch := context.AfterFunc(ctx, sub.endAlone)
	sub.mu.Lock()
	sub.unwatch = unwatch
	sub.mu.Unlock()
	return nil
}

// start begins to fetch.
func (sub *subscription) start(ctx context.Context) error {
	if err := sub.s.ensureTopic(ctx, sub.what.Name); err != nil {
		return err
	}
	if err := sub.s.checkFilter(ctx, sub.what, sub.s.cfg.Filters[sub.topic]); err != nil {
		return err
	}
	e, err := sub.s.chosen(ctx)
	if err != nil {
		return err
	}
	fetcher, err := e.Subscribe(ctx, sub.what, sub.output)
	if err != nil {
		return err
	}
	sub.mu.Lock()
	sub.fetcher = fetcher
	sub.mu.Unlock()
	return nil
}

// Pauses between two looks for a topic that does not exist.
const (
	minTopicPause = 250 * time.Millisecond
	maxTopicPause = 2 * time.Second
)

// startLater starts when the topic is there.
func (sub *subscription) startLater() {
	defer sub.started.Done()
	// Who comes before the first message wants it.
	sub.what.From = engine.From{}
	timer := time.NewTimer(minTopicPause)
	defer timer.Stop()
	for pause := minTopicPause; ; pause = min(2*pause, maxTopicPause) {
		if missed, ok := sub.s.logs.missing.Ask(sub.topic, time.Now()); ok {
			sub.logger.Info("RocketMQ topic does not exist yet, waiting for it", watermill.LogFields{loglimit.Unlogged: missed})
		}
		select {
		case <-timer.C:
		case <-sub.starting.Done():
			return
		}
		ctx, cancel := context.WithTimeoutCause(sub.starting, sub.s.cfg.StartTimeout, errStartTimeout)
		err := sub.start(ctx)
		cancel()
		if err == nil {
			sub.logger.Info("RocketMQ topic is there now, consuming it", nil)
			return
		}
		if !isMissing(err) && sub.starting.Err() == nil {
			if missed, ok := sub.s.logs.starting.Ask(sub.topic, time.Now()); ok {
				sub.logger.Error("Cannot consume RocketMQ topic yet", err, watermill.LogFields{loglimit.Unlogged: missed})
			}
		}
		timer.Reset(pause)
	}
}

func (sub *subscription) current() engine.Fetcher {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.fetcher
}

// stop ends the fetching: the channel is closed, and what nobody has taken goes back.
// It may be called by many; each call returns when that is done.
func (sub *subscription) stop() {
	if sub.stopping.Swap(true) {
		<-sub.stopped
		return
	}
	sub.endStarting(errEnded)
	sub.output.Stop()
	sub.started.Wait()
	if f := sub.current(); f != nil {
		ctx, cancel := context.WithTimeout(context.Background(), sub.s.cfg.RequestTimeout+time.Second)
		defer cancel()
		f.Stop(ctx)
	}
	close(sub.stopped)
}

// endAlone ends the subscription where nobody waits for that. Close may be far away, so that
// what brokers have not confirmed is logged, too.
func (sub *subscription) endAlone() {
	err := sub.end()
	if err == nil {
		return
	}
	if missed, ok := sub.s.logs.unconfirmed.Ask(sub.topic, time.Now()); ok {
		sub.logger.Error("Subscription has ended, and brokers have not confirmed all of its acks", err, watermill.LogFields{loglimit.Unlogged: missed})
	}
}

// end ends the subscription, waits for handlers, and tells brokers what they have to know.
// It may be called by many; each call returns when all is over.
func (sub *subscription) end() error {
	if sub.ending.Swap(true) {
		<-sub.ended
		return sub.err
	}
	deadline, cancel := context.WithTimeout(context.Background(), sub.s.cfg.CloseTimeout)
	defer cancel()
	sub.stop()
	f := sub.current()
	if f != nil {
		defer context.AfterFunc(deadline, f.Hasten)()
	}
	sub.output.Drain(deadline)
	if f != nil {
		ctx, cancel := context.WithTimeout(context.Background(), sub.s.cfg.RequestTimeout)
		defer cancel()
		if err := f.Close(ctx); err != nil {
			sub.err = &CloseError{sub.topic, err}
		}
	}
	sub.mu.Lock()
	if sub.unwatch != nil {
		sub.unwatch()
	}
	sub.mu.Unlock()
	sub.s.mu.Lock()
	delete(sub.s.subscriptions, sub)
	if sub.err != nil {
		sub.s.lost[sub.topic] = sub.err
	}
	sub.s.mu.Unlock()
	close(sub.ended)
	return sub.err
}

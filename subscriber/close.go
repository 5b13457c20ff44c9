package subscriber

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
)

// goodbyeTimeout bounds the goodbye to all brokers, which find out by the end of the
// connection as well.
const goodbyeTimeout = time.Second

// Stop ends the first half of Close: no further message is handed out, all channels are
// closed, what nobody has taken goes back to the brokers, and Subscribe returns ErrClosed.
// Messages that are with handlers can be acked and nacked until Close. It is for a router
// that stops its subscribers before it waits for its handlers. It may be called again. The
// error is always nil.
func (s *Subscriber) Stop() error {
	list := s.stopAll()
	fanout.Each(len(list), len(list), func(i int) { list[i].stop() })
	return nil
}

// stopAll keeps further calls out, ends those under way, and returns the subscriptions.
func (s *Subscriber) stopAll() []*subscription {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.endLife(ErrClosed)
	s.calls.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*subscription, 0, len(s.subscriptions))
	for sub := range s.subscriptions {
		list = append(list, sub)
	}
	return list
}

// Close ends all subscriptions: their channels are closed at once, without waiting for a
// receiver, and what nobody has taken goes back to the brokers. It waits up to
// Config.CloseTimeout for the handlers of messages that were taken, whose contexts live until
// then; their acks count. Then it tells brokers of all acks, leaves the group, and ends every
// goroutine and connection of the subscriber; those of a Config.Client are left as they are.
//
// A handler that is not done in time finds its context ended with the cause ErrStopped. The
// error is nil, or wraps a *CloseError for each topic whose acks brokers have not confirmed,
// also of subscriptions that ended with their context before.
//
// A Watermill router closes its subscribers as well, but Run does not wait for that: call
// Close when Run has returned, or else the process may end before brokers know of the last
// acks.
//
// Close may be called again, from several goroutines and while nobody reads the channels;
// each call returns when all is over, with the same result. It must not be called by a hook,
// nor by a handler that it would wait for.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	again := s.closing
	s.closing = true
	s.mu.Unlock()
	if again {
		<-s.closed
		return s.closeErr
	}
	list := s.stopAll()
	errs := make([]error, len(list)+1)
	fanout.Each(len(list), len(list), func(i int) { errs[i] = list[i].end() })
	<-s.cutOff
	if made := s.engine.made.Load(); made != nil {
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.RequestTimeout)
		if err := made.Close(ctx); err != nil {
			errs[len(list)] = &CloseError{Err: err}
		}
		cancel()
	}
	s.closeErr = errors.Join(append(errs, s.lostBefore(errs)...)...)
	s.apart.close()
	s.creator.Close()
	s.member.Goodbye(goodbyeTimeout)
	// They end what is left of calls; neither can fail.
	_, _ = s.routes.Close(), s.member.Client().Close()
	s.cluster.CloseOwn()
	s.member.Leave()
	close(s.closed)
	return s.closeErr
}

// lostBefore returns what brokers have not confirmed of subscriptions that had ended before
// those whose errors are known.
func (s *Subscriber) lostBefore(known []error) (errs []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, topic := range slices.Sorted(maps.Keys(s.lost)) {
		if err := s.lost[topic]; !slices.Contains(known, err) {
			errs = append(errs, err)
		}
	}
	return errs
}

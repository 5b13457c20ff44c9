package pop

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// maxChanges is how many requests about single messages are under way to a broker at most.
const maxChanges = 16

// kind is what a change asks for.
type kind uint8

const (
	renewal kind = iota // another lease
	nack                // delivery after a pause, which the handler is the reason for
	release             // delivery to somebody else
	loneAck             // an ack that no batch can say
)

// change is a request about one message, in most cases CHANGE_MESSAGE_INVISIBLETIME. A
// handle is good for one such request: another would have the message delivered twice. So
// it is sent again only if it surely has not been acted on.
type change struct {
	c       *checkPoint
	kind    kind
	offset  int64
	until   time.Time // of nack and release: when the message is to be delivered
	suspend bool      // of release
	// deadline is the end of the lease.
	deadline time.Time
	// message and lease are of renewal.
	message *delivery.Message
	lease   time.Duration
}

// changes are those that a broker has not answered. Each is made by one of some goroutines,
// which end when there is none left.
type changes struct {
	b *broker

	mu       sync.Mutex // guards what follows
	renewals []*change  // they come first
	others   []*change
	workers  int
}

// add takes a change.
func (s *changes) add(c *change) {
	c.c.f.unconfirmed.others.Add(1)
	if !s.list(c) {
		s.drop(c)
	}
}

// list has a change made, unless it is of no use any more.
func (s *changes) list(c *change) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.kind == renewal {
		if c.c.f.hasty.Load() { // hasten has been here, or comes when mu is free
			return false
		}
		s.renewals = append(s.renewals, c)
	} else {
		s.others = append(s.others, c)
	}
	if s.workers < maxChanges {
		s.workers++
		s.b.e.wg.Go(s.work)
	}
	return true
}

// next returns a change that is to be made, or nil: then the worker is not needed.
func (s *changes) next() *change {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := &s.renewals
	if len(*list) == 0 {
		list = &s.others
	}
	if len(*list) == 0 {
		s.renewals, s.others = nil, nil
		s.workers--
		return nil
	}
	c := (*list)[0]
	(*list)[0] = nil
	*list = (*list)[1:]
	return c
}

// work makes changes until there are none.
func (s *changes) work() {
	for c := s.next(); c != nil; c = s.next() {
		err := s.make(c)
		if err != nil && !c.c.f.abandoned.Load() {
			s.b.complain(&s.b.e.logs.changes, "Cannot give back messages or renew their leases", c.c.f.topic.Name, err)
		}
		c.c.f.unconfirmed.end(&c.c.f.unconfirmed.others, 1, err)
	}
}

// make makes a change, unless the lease is over first. It may have been made if there is
// an error.
func (s *changes) make(c *change) error {
	failing := failureBackoff()
	hasty := func() bool { return c.kind == renewal && c.c.f.hasty.Load() }
	for {
		if hasty() {
			return s.over(c, errUnsent)
		}
		if !time.Now().Before(c.deadline) && c.kind != loneAck {
			return s.over(c, errLeaseOver) // the broker would deliver it once more
		}
		signs := s.b.signs()
		err := s.try(c)
		if err == nil {
			return nil
		}
		over := !time.Now().Before(c.deadline) || c.c.f.abandoned.Load() || hasty() || isGone(err)
		if over || !untouched(err) && c.kind != loneAck {
			return s.over(c, err)
		}
		most := anyPause
		if c.kind == renewal { // the handler is told when the lease is over, and not later
			most = time.Until(c.deadline)
		}
		if !failing.wait(s.b.e.ctx, most, signs) {
			return s.over(c, err)
		}
	}
}

// isGone reports whether a broker says that it does not have the topic: it delivers none of
// its messages any more, and there are changes of other topics to be made.
func isGone(err error) bool {
	status, ok := err.(*headers.StatusError) // one that is wrapped is of another request
	return ok && status.Code == headers.TopicNotExist
}

// over gives up a change. Messages that were to be given back are, when their lease is over.
func (s *changes) over(c *change, err error) error {
	if c.kind == renewal {
		if !untouched(err) {
			s.b.acks.spend(c.c, c.offset)
		}
		c.message.Renewed(nil, time.Time{}, err)
	} else if err == errLeaseOver {
		return nil
	}
	return err
}

// try sends the request of a change once. A renewal that succeeds is told of here.
func (s *changes) try(c *change) error {
	if c.kind == loneAck {
		return s.b.ackAlone(s.b.e.ctx, c.c, c.offset)
	}
	sent := time.Now()
	invisible := c.lease
	if c.kind != renewal {
		invisible = max(c.until.Sub(sent), time.Millisecond)
	}
	answer, err := s.b.ask(s.b.e.ctx, c.c.f.topic.Name, &headers.ChangeInvisibleTime{
		ConsumerGroup: s.b.e.cfg.Group, Topic: c.c.topic(), QueueID: c.c.queueID,
		Handle: c.c.handle(c.offset).String(), Offset: c.offset, InvisibleMillis: invisible.Milliseconds(),
		Suspend: c.suspend, BrokerName: s.b.name,
	}, nil)
	if err != nil || c.kind != renewal {
		return err
	}
	result, err := headers.ParseChangeInvisibleTimeResult(&answer)
	if err == nil && c.c.ordered() && result.PopTime != c.c.popTime {
		err = errNotOurs
	}
	if err != nil {
		return actedOn(err)
	}
	lease := sent.Add(c.lease)
	if c.c.ordered() { // the handle stays good
		s.b.acks.extend(c.c, lease)
		c.message.Renewed(nil, lease, nil)
		return nil
	}
	s.b.acks.settle(c.c, c.offset)
	c.message.Renewed(c.c.renewed(c.offset, result, lease), lease, nil)
	return nil
}

// errNotOurs means that an ordered message was acked, or delivered to somebody else.
var errNotOurs = errors.New("message is not leased by this pop any more")

// actedOn marks the error of an answer that makes no sense: the broker has acted on the
// request.
func actedOn(err error) error {
	return verdict.Mark(err, verdict.Verdict{Outcome: verdict.MayBeStored, Broker: verdict.Answered})
}

// abandon gives up the changes of a fetcher that nobody makes yet.
func (s *changes) abandon(f *Fetcher) {
	s.dropAll(func(c *change) bool { return c.c.f == f })
}

// hasten gives up the renewals of a fetcher that nobody makes yet: all workers may be at those
// of others.
func (s *changes) hasten(f *Fetcher) {
	s.dropAll(func(c *change) bool { return c.c.f == f && c.kind == renewal })
}

// dropAll gives up some of the changes that nobody makes yet.
func (s *changes) dropAll(which func(c *change) bool) {
	s.mu.Lock()
	var dropped []*change
	for _, list := range [...]*[]*change{&s.renewals, &s.others} {
		*list = slices.DeleteFunc(*list, func(c *change) bool {
			if !which(c) {
				return false
			}
			dropped = append(dropped, c)
			return true
		})
	}
	s.mu.Unlock()
	for _, c := range dropped {
		s.drop(c)
	}
}

// drop gives up a change that is not listed.
func (s *changes) drop(c *change) {
	_ = s.over(c, errUnsent)
	c.c.f.unconfirmed.end(&c.c.f.unconfirmed.others, 1, errUnsent)
}

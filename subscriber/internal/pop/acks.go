package pop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
)

const (
	// maxEntries is how many check points a request acks at most.
	maxEntries = 256
	// maxSenders is how many such requests are under way to a broker at most.
	maxSenders = 2
	// maxSingle is how many acks of single messages each of them may have under way, where
	// the broker does not know BATCH_ACK_MESSAGE.
	maxSingle = 32
)

// acks are those that a broker has not confirmed. Acks of a check point are sent together:
// when all of its messages are settled, with the next request, or when they have waited
// for long. They are sent again until there is an answer or the lease is over, since a
// broker takes an ack any number of times. Senders are goroutines that end when there is
// nothing to send.
type acks struct {
	b *broker
	// look has one slot: something is due now.
	look chan struct{}

	mu       sync.Mutex // guards what follows, and what check points say it does
	points   []*checkPoint
	complete int // of points: those without open messages
	urgent   int // of points: those of ordered pops that are complete
	rush     int // fetchers that wait until all is sent
	senders  int
	waiting  bool // one of the senders waits for something to be due
	most     int  // entries of the next request
	single   bool // BATCH_ACK_MESSAGE is not known
}

func (a *acks) init(b *broker) {
	a.b, a.look, a.most = b, make(chan struct{}, 1), maxEntries
}

// add takes the ack of a message.
func (a *acks) add(c *checkPoint, offset int64) {
	c.f.unconfirmed.acks.Add(1)
	a.mu.Lock()
	if c.acked == nil {
		c.acked = c.space[:0] // it is never nil again: the space may be a request's
	}
	if c.unsent == 0 {
		c.first = time.Now()
	}
	if !c.acked.Add(offset - c.startOffset) {
		// Messages between them were filtered out.
		a.settleLocked(c)
		lease := c.lease
		a.mu.Unlock()
		a.b.changes.add(&change{c: c, kind: loneAck, offset: offset, deadline: lease})
		c.f.unconfirmed.end(&c.f.unconfirmed.acks, 1, nil)
		return
	}
	c.unsent++
	c.unanswered++
	a.list(c)
	a.settleLocked(c)
	a.wake()
	a.mu.Unlock()
}

// settle says that the message at an offset is settled in another way. It reports whether
// its handle is spent.
func (a *acks) settle(c *checkPoint, offset int64) (spent bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settleLocked(c)
	a.wake()
	return slices.Contains(c.spent, offset)
}

// spend says that the handle of the message at an offset is not to be used again.
func (a *acks) spend(c *checkPoint, offset int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.spent = append(c.spent, offset)
}

func (a *acks) settleLocked(c *checkPoint) {
	c.open--
	if c.open == 0 && c.listed {
		a.count(c, 1)
	}
	a.finish(c)
}

// extend notes that the lease of one of the messages was renewed.
func (a *acks) extend(c *checkPoint, lease time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.lease = lease
}

// finish tells who waits for an ordered pop that it is over. mu is held.
func (a *acks) finish(c *checkPoint) {
	if c.done != nil && c.open == 0 && c.unanswered == 0 {
		close(c.done)
	}
}

// list has the check point's acks sent. mu is held.
func (a *acks) list(c *checkPoint) {
	if !c.listed {
		c.listed = true
		a.points = append(a.points, c)
		if c.open == 0 {
			a.count(c, 1)
		}
	}
}

// count counts a listed check point that is complete. mu is held.
func (a *acks) count(c *checkPoint, n int) {
	a.complete += n
	if c.ordered() {
		a.urgent += n
	}
}

// due reports whether something is to be sent now. mu is held.
func (a *acks) due() bool {
	return len(a.points) > 0 && (a.urgent > 0 || a.rush > 0 || a.complete >= a.most)
}

// wake has a sender look. mu is held.
func (a *acks) wake() {
	switch {
	case len(a.points) == 0:
	case a.waiting:
		if a.due() {
			select {
			case a.look <- struct{}{}:
			default:
			}
		}
	case a.senders < maxSenders:
		a.senders++
		a.b.e.wg.Go(a.send)
	}
}

// hurry has all that is there sent at once, until calm.
func (a *acks) hurry() {
	a.mu.Lock()
	a.rush++
	a.wake()
	a.mu.Unlock()
}

func (a *acks) calm() {
	a.mu.Lock()
	a.rush--
	a.mu.Unlock()
}

// part is what one request says of a check point.
type part struct {
	c       *checkPoint
	offsets headers.OffsetSet
	count   int
	first   time.Time
}

// send sends acks until there are none, or another sender waits for some.
func (a *acks) send() {
	failing := failureBackoff()
	for {
		parts, single := a.await()
		if parts == nil {
			return
		}
		signs := a.b.signs()
		var err error
		single = single || a.b.isBefore(headers.Version5_1_3)
		if single {
			parts, err = a.sendSingle(parts)
		} else {
			err = a.sendBatch(parts)
		}
		if err == nil {
			failing.reset()
			continue
		}
		unknown := isUnsupported(err) && !single // single acks may do
		if a.takeBack(parts, err, single, unknown); !unknown {
			failing.wait(a.b.e.ctx, anyPause, signs)
		}
	}
}

// isUnsupported reports whether a broker does not know a request.
func isUnsupported(err error) bool {
	var status *headers.StatusError
	return errors.As(err, &status) && status.Code == headers.RequestNotSupported
}

// await waits until something is due and returns it. It returns nil if the sender is not
// needed any more.
func (a *acks) await() (parts []part, single bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if a.b.e.ctx.Err() != nil {
			a.abandonLocked(func(*checkPoint) bool { return true })
		}
		if len(a.points) == 0 || a.waiting {
			a.senders--
			return nil, false
		}
		wait := time.Until(a.points[0].first.Add(a.b.e.linger()))
		if a.due() || wait <= 0 {
			return a.take(), a.single
		}
		a.waiting = true
		a.mu.Unlock()
		sleep(a.b.e.ctx, wait, a.look)
		a.mu.Lock()
		a.waiting = false
	}
}

// take takes out what the next request says: complete check points, and others whose acks
// have waited long enough. mu is held.
func (a *acks) take() []part {
	var parts []part
	late := time.Now().Add(-a.b.e.linger())
	a.points = slices.DeleteFunc(a.points, func(c *checkPoint) bool {
		if len(parts) == a.most || c.open > 0 && a.rush == 0 && c.first.After(late) {
			return false
		}
		parts = append(parts, part{c, c.acked, c.unsent, c.first})
		if c.open == 0 {
			a.count(c, -1)
		}
		c.acked, c.unsent, c.listed = headers.OffsetSet{}, 0, false
		return true
	})
	a.wake() // there may be enough for the other sender
	return parts
}

// sendBatch sends one request, and confirms it.
func (a *acks) sendBatch(parts []part) error {
	data := headers.BatchAckData{BrokerName: a.b.name, Entries: make([]headers.BatchAckEntry, len(parts))}
	for i, p := range parts {
		data.Entries[i] = p.c.entry(p.offsets)
	}
	_, err := a.b.ask(a.b.e.ctx, parts[0].c.f.topic.Name, headers.BatchAck{}, data.Encode())
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.most = min(2*a.most, maxEntries)
	a.mu.Unlock()
	a.confirm(parts)
	return nil
}

// sendSingle sends a request for each message, several at once, and confirms those that
// were answered. It returns the others.
func (a *acks) sendSingle(parts []part) ([]part, error) {
	type ack struct {
		part   int
		offset int64
		err    error
	}
	var list []ack
	for i, p := range parts {
		for n := range p.offsets.All() {
			list = append(list, ack{part: i, offset: p.c.startOffset + n})
		}
	}
	fanout.Each(len(list), maxSingle, func(i int) {
		list[i].err = a.b.ackAlone(a.b.e.ctx, parts[list[i].part].c, list[i].offset)
	})
	var err error
	done := make([]part, len(parts))
	for i := range parts {
		p := &parts[i]
		p.offsets, p.count = nil, 0
		confirmed := 0
		for _, one := range list {
			switch {
			case one.part != i:
			case one.err == nil:
				confirmed++
			default:
				err = one.err
				p.offsets.Add(one.offset - p.c.startOffset) // it fitted before
				p.count++
			}
		}
		done[i] = part{c: p.c, count: confirmed}
	}
	a.confirm(done)
	return slices.DeleteFunc(parts, func(p part) bool { return p.count == 0 }), err
}

// ackAlone acks one message.
func (b *broker) ackAlone(ctx context.Context, c *checkPoint, offset int64) error {
	_, err := b.ask(ctx, c.f.topic.Name, &headers.AckMessage{
		ConsumerGroup: b.e.cfg.Group, Topic: c.topic(), QueueID: c.queueID,
		Handle: c.handle(offset).String(), Offset: offset, BrokerName: b.name,
	}, nil)
	return err
}

// isBefore reports whether the broker is known to be of a version before that one.
func (b *broker) isBefore(version headers.Version) bool {
	known := b.knownVersion()
	return known != 0 && known < version
}

// confirm counts acks as answered, and logs those that a broker has confirmed when it may
// have given their messages to others.
func (a *acks) confirm(parts []part) {
	now, late := time.Now(), 0
	a.mu.Lock()
	for _, p := range parts {
		a.answered(p.c, p.count, nil)
		if !now.Before(p.c.lease) {
			late += p.count
		}
	}
	a.mu.Unlock()
	if late > 0 {
		err := fmt.Errorf("%w (acks: %d); are brokers busy, or is Config.Lease short?", errAckLate, late)
		a.b.complain(&a.b.e.logs.late, "Acks were confirmed too late, messages may come again", parts[0].c.f.topic.Name, err)
	}
}

// answered counts acks as answered or, with an error, as given up. mu is held.
func (a *acks) answered(c *checkPoint, n int, err error) {
	if n > 0 {
		c.unanswered -= n
		a.finish(c)
		c.f.unconfirmed.end(&c.f.unconfirmed.acks, n, err)
	}
}

// takeBack has acks sent again whose request has failed, unless that is of no use any
// more. single says that each had a request of its own, unknown that the broker does not know
// the one for several.
func (a *acks) takeBack(parts []part, err error, single, unknown bool) {
	if len(parts) == 0 {
		return
	}
	if !unknown {
		a.b.complain(&a.b.e.logs.acks, "Cannot ack messages", parts[0].c.f.topic.Name, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var status *headers.StatusError
	switch {
	case unknown:
		a.single = true
	case errors.As(err, &status) && !single:
		a.most = max(1, a.most/2) // one of them may be the reason
	}
	now := time.Now()
	var again []*checkPoint
	for _, p := range parts {
		c := p.c
		if !now.Before(c.lease) || c.f.abandoned.Load() || a.b.e.ctx.Err() != nil {
			a.answered(c, p.count, err)
			continue
		}
		if c.unsent == 0 {
			c.acked = p.offsets
		} else {
			for n := range p.offsets.All() {
				c.acked.Add(n) // it fitted before
			}
		}
		c.unsent += p.count
		c.first = p.first
		if !c.listed {
			c.listed = true
			if c.open == 0 {
				a.count(c, 1)
			}
			again = append(again, c)
		}
	}
	a.points = slices.Insert(a.points, 0, again...)
}

// abandon gives up the acks of a fetcher.
func (a *acks) abandon(f *Fetcher) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.abandonLocked(func(c *checkPoint) bool { return c.f == f })
}

func (a *acks) abandonLocked(which func(c *checkPoint) bool) {
	a.points = slices.DeleteFunc(a.points, func(c *checkPoint) bool {
		if !which(c) {
			return false
		}
		if c.open == 0 {
			a.count(c, -1)
		}
		n := c.unsent
		c.acked, c.unsent, c.listed = headers.OffsetSet{}, 0, false
		a.answered(c, n, errAbandoned)
		return true
	})
}

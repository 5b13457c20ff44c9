package publisher

import (
	"errors"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// errKeysMove ends an attempt before anything is sent: the topic has other queues
// than those that the ordering keys are spread over.
var errKeysMove = errors.New("ordering keys move to other queues")

// keys spreads the messages with ordering keys over lanes, one for each queue.
//
// Where a key belongs depends on the topic's queues. When these change, keys
// move: no request for keys is begun until the last one under way has ended, and
// then all that waits is spread anew, each key in its old order. So no message is
// overtaken by a later one of its key, whichever queues they go to.
//
// The fields are guarded by the outbox's mutex.
type keys struct {
	// spread is the route whose queues keyed goes by; nil before one is known,
	// when all keys share one lane that only finds out.
	spread *routing.Route
	queues []routing.MessageQueue // of spread, in the order that KeyHash counts them in
	keyed  map[routing.MessageQueue]*lane
	// moving is the route that keys move to; nil if they stay.
	moving      *routing.Route
	keyedActive int // sum over all keyed lanes
}

// laneOf returns the lane of an entry.
func (o *outbox) laneOf(e *entry) *lane {
	switch {
	case e.call.manner.oneway:
		return &o.oneway
	case !e.keyed && e.solo:
		return &o.solo
	case !e.keyed:
		return &o.free
	}
	var queue routing.MessageQueue
	if o.spread != nil {
		queue = o.p.cfg.Queues.of(e.keyHash, o.queues)
	}
	l := o.keyed[queue]
	if l == nil {
		l = &lane{outbox: o, keyed: true, queue: queue}
		if o.keyed == nil {
			o.keyed = make(map[routing.MessageQueue]*lane)
		}
		o.keyed[queue] = l
	}
	return l
}

// keyedLanes returns the lanes of all keys.
func (k *keys) keyedLanes() []*lane {
	var all []*lane
	for _, l := range k.keyed {
		all = append(all, l)
	}
	return all
}

// keysStay reports whether keys belong to the same queues under the route. If not
// they begin to move.
func (o *outbox) keysStay(route *routing.Route) bool {
	switch {
	case o.moving != nil:
		return false
	case o.spread == route:
		return true
	case o.spread != nil && slices.Equal(o.queues, o.p.cfg.Queues.KeyHash.queues(route)):
		o.spread = route
		return true
	default:
		o.moving = route
		return false
	}
}

// moveKeys spreads all that waits anew, if keys move and no request for keys is
// under way. It returns what is to be started.
func (o *outbox) moveKeys() []start {
	if o.moving == nil || o.keyedActive > 0 {
		return nil
	}
	old := o.keyedLanes()
	o.spread, o.moving, o.keyed = o.moving, nil, nil
	o.queues = o.p.cfg.Queues.KeyHash.queues(o.spread)
	for _, l := range old {
		for _, e := range l.waiting {
			if e.state == entryDone {
				o.takenBack--
				continue
			}
			to := o.laneOf(e)
			to.waiting = append(to.waiting, e)
		}
		l.waiting = nil
	}
	var starts []start
	for _, l := range o.keyedLanes() {
		starts = l.startIfFree(starts)
	}
	return starts
}

package dispatch

import (
	"cmp"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// keys spreads the messages with ordering keys over lanes, one for each queue.
//
// Where a key belongs depends on the topic's queues. When these change, keys
// move: no request for keys is begun until the last one under way has ended, and
// then all that waits is spread anew, each key in its old order. So no message is
// overtaken by a later one of its key, whichever queues they go to.
//
// The fields are guarded by the accumulator's mutex.
type keys struct {
	// spread is the route whose queues keyed goes by; nil before one is known,
	// when all keys share one lane that only finds out.
	spread *routing.Route
	queues []routing.MessageQueue // of spread, in the order that Config.Keys counts them in
	keyed  map[routing.MessageQueue]*lane
	// moving is the route that keys move to; nil if they stay.
	moving      *routing.Route
	keyedActive int // sum over all keyed lanes
}

// laneOf returns the lane of a message.
func (acc *accumulator) laneOf(m *Message) *lane {
	switch {
	case m.call.Oneway:
		return &acc.oneway
	case !m.Keyed && m.Solo:
		return &acc.solo
	case !m.Keyed:
		return &acc.free
	}
	var queue routing.MessageQueue
	if acc.spread != nil {
		queue = acc.engine.cfg.Keys.Queue(m.KeyHash, acc.queues)
	}
	l := acc.keyed[queue]
	if l == nil {
		l = &lane{acc: acc, keyed: true, queue: queue}
		if acc.keyed == nil {
			acc.keyed = make(map[routing.MessageQueue]*lane)
		}
		acc.keyed[queue] = l
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

// keyedInOrder takes all that waits out of the lanes of keys, in the order in which it was
// handed over. A lane that gets messages of several others has them as if they had
// always been its own: those of a call beside each other, and before those that came later.
func (acc *accumulator) keyedInOrder() []*Message {
	var all []*Message
	for _, l := range acc.keyedLanes() {
		for _, m := range l.row.list() {
			if m.state == done {
				acc.takenBack--
				continue
			}
			all = append(all, m)
		}
		l.row = row[Message]{}
	}
	slices.SortFunc(all, func(a, b *Message) int {
		return cmp.Or(cmp.Compare(a.call.number, b.call.number), cmp.Compare(a.index, b.index))
	})
	return all
}

// keysStay reports whether keys belong to the same queues under the route. If not
// they begin to move.
func (acc *accumulator) keysStay(route *routing.Route) bool {
	switch {
	case acc.moving != nil:
		return false
	case acc.spread == route:
		return true
	case acc.spread != nil && slices.Equal(acc.queues, acc.engine.cfg.Keys.Queues(route)):
		acc.spread = route
		return true
	default:
		acc.moving = route
		return false
	}
}

// moveKeys spreads all that waits anew, if keys move and no request for keys is
// under way. It returns what is to be started.
func (acc *accumulator) moveKeys() []start {
	if acc.moving == nil || acc.keyedActive > 0 {
		return nil
	}
	waits := acc.keyedInOrder()
	acc.spread, acc.moving, acc.keyed = acc.moving, nil, nil
	acc.queues = acc.engine.cfg.Keys.Queues(acc.spread)
	for _, m := range waits {
		acc.laneOf(m).row.push(m)
	}
	var starts []start
	for _, l := range acc.keyedLanes() {
		starts = l.startAll(starts, acc.engine.Now())
	}
	return starts
}

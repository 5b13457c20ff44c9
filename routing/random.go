package routing

import "math/rand/v2"

// Random takes a queue at random, each with the same chance, for those who do not
// want producers of one topic to keep step. Over many messages it is as even as
// RoundRobin, over few it is not.
//
// Brokers to be avoided are avoided as RoundRobin does. Select does not allocate. Of a
// route without a queue to write it returns none.
type Random struct{}

var _ Selector = Random{}

// Select returns any queue.
func (Random) Select(r *Route, avoid []string) MessageQueue {
	if len(r.queues) == 0 {
		return MessageQueue{}
	}
	if len(avoid) == 0 {
		return r.queues[rand.IntN(len(r.queues))]
	}
	return avoiding(r.queues, avoid)
}

// avoiding returns a random queue of the brokers that are not in avoid, or else of
// the one that has been there longest.
func avoiding(queues []MessageQueue, avoid []string) MessageQueue {
	for {
		if at, ok := randomOutside(queues, avoid); ok {
			return queues[at]
		}
		avoid = avoid[1:] // with nobody left to avoid, any queue will do
	}
}

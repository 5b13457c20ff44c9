package routing

import (
	"math/rand/v2"
	"slices"
)

// Selector chooses the queue that a message is sent to. Select must be safe for
// concurrent use and must not block. It is called once per attempt.
type Selector interface {
	// Select returns one of the queues of r, which has some to write. avoid names the brokers that had
	// better not get the message: those that have more to do than others, then
	// those that failed earlier with the same message, latest last.
	// Neither r nor avoid may be kept or modified.
	Select(r *Route, avoid []string) MessageQueue
}

// RoundRobin takes the queues of each topic in turn, starting at a random one.
// Its state is the topic's own (Route.Turn): the value has none, and topics do not
// disturb one another.
//
// Where brokers are to be avoided none of these turns is taken, so that they stay
// even whatever fails. The message goes to one of the other brokers at random, one
// with more queues more often, and there to the queue whose turn it is among those of
// the broker. When each broker has failed already, the one that failed longest ago
// is tried, so never the last one again if there is any other.
//
// Select does not allocate. Of a route without a queue to write it returns none.
type RoundRobin struct{}

var _ Selector = RoundRobin{}

// Select returns the queue whose turn it is.
func (RoundRobin) Select(r *Route, avoid []string) MessageQueue {
	if len(r.queues) == 0 {
		return MessageQueue{}
	}
	if len(avoid) == 0 {
		return r.queues[r.Turn()%uint64(len(r.queues))]
	}
	broker := avoiding(r.queues, avoid).BrokerName
	return ofBroker(r.queues, broker, r.turns.ofBroker(broker))
}

// ofBroker returns the queue of the broker, which has some, whose turn it is.
func ofBroker(queues []MessageQueue, broker string, turn uint64) MessageQueue {
	own := uint64(0)
	for i := range queues {
		if queues[i].BrokerName == broker {
			own++
		}
	}
	before := int64(turn % own)
	at := slices.IndexFunc(queues, func(q MessageQueue) bool {
		if q.BrokerName == broker {
			before--
		}
		return before < 0
	})
	return queues[at]
}

// randomOutside picks a queue of a broker that is not in avoid, each with the
// same chance. Taking the next allowed queue behind a forbidden one instead
// would give that one queue all turns of the avoided broker.
func randomOutside(queues []MessageQueue, avoid []string) (at int, ok bool) {
	var seen uint64
	for i := range queues {
		if slices.Contains(avoid, queues[i].BrokerName) {
			continue
		}
		seen++
		if rand.Uint64N(seen) == 0 {
			at = i
		}
	}
	return at, seen > 0
}

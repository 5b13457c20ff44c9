package routing

import (
	"math/rand/v2"
	"slices"
)

// Selector chooses the queue that a message is sent to. Select must be safe for
// concurrent use and must not block. It is called once per attempt.
type Selector interface {
	// Select returns one of the queues of r. avoid names the brokers that had
	// better not get the message: those that have more to do than others, then
	// those that failed earlier with the same message, latest last.
	// Neither r nor avoid may be kept or modified.
	Select(r *Route, avoid []string) MessageQueue
}

// RoundRobin takes the queues of each topic in turn, starting at a random one.
// Its state is the topic's own (Route.Turn): the value has none, topics do not
// disturb one another, and nothing grows.
//
// Where brokers are to be avoided no turn is taken, so that the others stay even
// whatever fails. The message goes to a random queue of the brokers that are not to be avoided. When each
// broker has failed already, the one that failed longest ago is tried, so never
// the last one again if there is any other.
//
// Select does not allocate.
type RoundRobin struct{}

var _ Selector = RoundRobin{}

// Select returns the queue whose turn it is, or a random one for a retry.
func (RoundRobin) Select(r *Route, avoid []string) MessageQueue {
	if len(avoid) == 0 {
		return r.queues[r.Turn()%uint64(len(r.queues))]
	}
	return avoiding(r.queues, avoid)
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

package pop

import (
	"crypto/rand"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// readInOrder is the goroutine of the reader of one queue in order. A broker hands out no
// more of the queue before all of the last messages are acked or their time is over, so
// there is one pop at a time. most is how many messages it asks for.
func (r *reader) readInOrder(lane *delivery.Lane, most int) {
	defer r.f.leave()
	budget := r.f.output.Budget()
	failing, idling := failureBackoff(), idleBackoff()
	notified := false
	// attempt makes pops one pop: the broker answers it with the same messages. It is kept
	// while the answer is missing (ConsumerOrderInfoManager of 5.1.1).
	attempt := rand.Text()
	for {
		room, err := budget.Take(r.waits, min(most, delivery.Batch))
		if err != nil {
			return
		}
		if r.waits.Err() != nil {
			budget.Return(room)
			return
		}
		signs := r.b.signs()
		a, err := r.f.pop(r.b, r.at.queue, room, attempt, lane)
		if err != nil {
			r.fails(err)
			if !failing.wait(r.waits, anyPause, signs) {
				return
			}
			continue
		}
		r.works(a.reviveQueueID)
		failing.reset()
		attempt = rand.Text()
		if len(a.points) > 0 {
			idling.reset()
			if !r.settled(a.points) {
				return
			}
			continue
		}
		if notified && !sleep(r.waits, idling.grow(), nil) {
			return
		}
		var ok bool
		if notified, ok = r.awaitInOrder(attempt, &failing); !ok {
			return
		}
	}
}

// settled waits until all messages of a pop are settled and the broker has answered. It
// reports false if the reader has to end.
func (r *reader) settled(points []*checkPoint) bool {
	for _, c := range points {
		select {
		case <-c.done:
		case <-r.waits.Done():
			return false
		}
	}
	return true
}

// orderedPoll is poll for a queue in order of a broker before 5.1.1, which does not tell of a
// queue that others have given free (ConsumerOrderInfoLockManager of 5.5.0).
const orderedPoll = time.Second

// awaitInOrder waits until the queue may have messages. ok is false if the reader has to
// end.
func (r *reader) awaitInOrder(attempt string, failing *backoff) (has, ok bool) {
	for {
		hold := poll
		if r.b.isBefore(headers.Version5_1_1) {
			hold = orderedPoll
		}
		signs := r.b.signs()
		polls := r.polling()
		asked := time.Now()
		told, err := r.f.notified(polls, r.b, r.at.queue, attempt, hold)
		switch {
		case r.waits.Err() != nil:
			return false, false
		case polls.Err() != nil:
			return false, true
		case err != nil:
			r.fails(err)
			if !failing.wait(r.waits, anyPause, signs) {
				return false, false
			}
		case isFull(told, asked):
			if !sleep(r.waits, fullPause, nil) {
				return false, false
			}
		default:
			return told.HasMessage, true
		}
	}
}

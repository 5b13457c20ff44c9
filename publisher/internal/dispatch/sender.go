package dispatch

import (
	"context"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Sender builds requests and gets them to brokers. It is called by many goroutines at
// once and, but for Left, under no lock of the engine.
type Sender interface {
	// Route returns the route of a topic.
	Route(ctx context.Context, topic string) (*routing.Route, error)
	// Send sends the attempt's messages to its queue and returns where they are
	// stored. It says with Connecting where it goes, and calls Commit right before the
	// first byte of the messages may leave.
	Send(ctx context.Context, a *Attempt) (Stored, error)
	// Judge says what a failure of the other two means, and returns the error as those
	// are to see it who handed the messages over. A timeout that is not nil is why the
	// attempt had no time left.
	Judge(err, timeout error) (verdict.Verdict, error)
	// Left makes the error of an attempt that goes on without a message whose wait ended
	// for the given cause. It does no more than that.
	Left(a *Attempt, cause error) error
}

// Observer is told what becomes of attempts, on the goroutine that makes them and
// under no lock.
type Observer interface {
	// Starting is called when an attempt has a queue, or will fail since there is none. One
	// of the next three follows, unless user code panics.
	Starting(*Attempt)
	// Abandoned is called when nobody waited for the attempt's messages any more before
	// they were sent.
	Abandoned(*Attempt)
	// Stored is called when a broker has the attempt's messages, or when they have
	// left one-way, before those hear of it who wait.
	Stored(*Attempt, *Stored)
	// Failed is called when an attempt has failed. Unless anybody still waits for its
	// messages, nothing follows from the verdict.
	Failed(a *Attempt, f *Failure, v verdict.Verdict, anybody bool)
	// Retrying is called before the pause after a failed attempt. The pause is 0 before
	// a batch is sent again in two halves.
	Retrying(a *Attempt, pause time.Duration, err error)
}

// Observed is what an Observer keeps of an attempt until the next method that it is given
// to.
type Observed struct {
	Topic   string
	Context context.Context
}

// Attempt is one try to store the messages of a request. It is good until the method
// that it was given to returns.
type Attempt struct {
	Topic  string
	Oneway bool
	// Try counts the attempts for the messages from 1.
	Try   int
	Began time.Time
	// Route and Queue say where the messages go.
	Route *routing.Route
	Queue routing.MessageQueue
	// Addr is what Connecting was given.
	Addr string
	// Messages are those of the request; for Send, before Commit, some may have been
	// left by those who wait.
	Messages []*Message
	// Observed is the Observer's alone.
	Observed Observed

	batch *batch
	asked Moment // when it turned to its broker; 0 before
	// underWay says that it has begun and not ended, committed that a broker may have
	// the messages, abandoned that nobody waited for them when they were to leave.
	underWay, committed, abandoned bool
}

// Connecting notes the address of the broker that the attempt goes to. From now on the
// time counts that the broker takes.
func (a *Attempt) Connecting(addr string) {
	acc := a.batch.lane.acc
	a.asked = acc.engine.Now()
	acc.mu.Lock()
	defer acc.mu.Unlock()
	a.Addr = addr
}

// Commit notes that from now on the broker may have the messages. Those who wait for
// some may have left meanwhile: these messages are not sent, as they have been told.
// It reports whether any are left; if not, the attempt is over.
func (a *Attempt) Commit() bool {
	b := a.batch
	acc := b.lane.acc
	acc.mu.Lock()
	woken := b.dropEnded()
	b.waiting = len(b.messages)
	a.committed, a.abandoned = b.waiting > 0, b.waiting == 0
	acc.mu.Unlock()
	wake(woken)
	return !a.abandoned
}

// Committed reports whether Commit was called, with messages left.
func (a *Attempt) Committed() bool { return a.committed }

// failure returns what the attempt is once it has failed. The accumulator's mutex is held.
func (a *Attempt) failure(outcome verdict.Outcome, err error) Failure {
	return Failure{Queue: a.Queue, Addr: a.Addr, Began: a.Began, Took: time.Since(a.Began), Outcome: outcome, Err: err}
}

package messages

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
)

// Sending is a send whose message has its place, and that is to be answered with an A.
type Sending[A any] struct {
	Write store.Write
	// Patience is how long it waits for the disk. One without any does not care.
	Patience time.Duration
	// Answer makes the answer when the message is stored, Failed when it is not. Unsynced
	// makes of the former one that says that patience is over (CommitLog.handleDiskFlush).
	Answer   func() A
	Failed   func(error) A
	Unsynced func(A) A
	// Stored is called when the message is where it is to be. It may be nil.
	Stored func()
}

// Ended is the answer when the outcome is known.
func (s *Sending[A]) Ended(err error) A {
	if err != nil {
		return s.Failed(err)
	}
	if s.Stored != nil {
		s.Stored()
	}
	return s.Answer()
}

// early is the answer when the message is stored, and not on the disk.
func (s *Sending[A]) early() A {
	if s.Patience > 0 {
		return s.Unsynced(s.Answer())
	}
	return s.Answer()
}

// Await waits for the answer.
func (s *Sending[A]) Await() A {
	answers := make(chan A, 2)
	s.Write.Then(s.Patience, func() { answers <- s.early() }, func(err error) { answers <- s.Ended(err) })
	return <-answers
}

// Then has answered called once with the answer, see [store.Write.Then].
func (s *Sending[A]) Then(answered func(A)) {
	early := false
	s.Write.Then(s.Patience, func() {
		early = true
		answered(s.early())
	}, func(err error) {
		if a := s.Ended(err); !early {
			answered(a)
		}
	})
}

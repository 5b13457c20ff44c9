package load

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Start begins a call and returns without waiting for its answer. The answer is
// given to done, once and on any goroutine, unless Start returns an error: then
// nothing was sent.
type Start func(done Done) error

// Done takes the answer of a call: how many messages were confirmed, and the error
// of the first that was not.
type Done func(confirmed int, err error)

// RunAsync runs a task of calls that nobody waits in. Task.Callers goroutines begin
// them, and keep one call under way for each Start; a Start is used again when its
// call has been answered. A call's latency counts from its begin: the wait for an
// idle Start is no part of it.
//
// RunAsync returns when every call has been answered; ctx, or too many errors, end
// it early. It has no open loop.
func RunAsync(ctx context.Context, task Task, starts []Start) (Sample, error) {
	if task.Rate > 0 {
		return Sample{}, errors.New("load: asynchronous calls have no open loop")
	}
	return measure(ctx, task, func(_ context.Context, p *phase) error {
		newFlight(p, starts).run()
		return nil
	})
}

// flight is the calls under way in a phase. A place is one of them, by the index of
// its Start.
type flight struct {
	phase  *phase
	starts []Start
	done   []Done
	begun  []time.Duration // by the goroutine that has the place
	idle   chan int        // places
}

func newFlight(p *phase, starts []Start) *flight {
	f := &flight{phase: p, starts: starts, begun: make([]time.Duration, len(starts)), idle: make(chan int, len(starts))}
	for place := range starts {
		latency := p.latency.of(place)
		f.done = append(f.done, func(confirmed int, err error) {
			latency.Record(p.answered(confirmed, err) - f.begun[place])
			f.idle <- place
		})
		f.idle <- place
	}
	return f
}

// run has the senders begin calls until the time is up, and waits for the answers.
func (f *flight) run() {
	var senders sync.WaitGroup
	for range f.phase.task.Callers {
		senders.Go(f.send)
	}
	senders.Wait()
	for range f.starts {
		<-f.idle
	}
}

// send begins a call in each place that is idle, until the time is up. It begins one
// at least, like a caller in a closed loop.
func (f *flight) send() {
	for first := true; ; first = false {
		place := <-f.idle
		begin := time.Since(f.phase.begin)
		if !first && begin >= f.phase.length || !f.phase.goesOn() {
			f.idle <- place
			return
		}
		f.begun[place] = begin
		if err := f.starts[place](f.done[place]); err != nil {
			f.done[place](0, err)
		}
	}
}

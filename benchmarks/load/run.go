package load

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Send sends the messages of one call and returns when each has its answer: how
// many were confirmed, and the error of the first that was not.
type Send func() (confirmed int, err error)

// tolerated is how many failed messages a measurement goes on with: those of a
// broker that is busy for a moment, not those of one that is gone.
const tolerated = 100_000

// Run runs a task with one Send for each caller, used by one goroutine at a time.
// It returns when every call has ended; ctx, or too many errors, end it early.
func Run(ctx context.Context, task Task, sends []Send) (Sample, error) {
	return measure(ctx, task, func(ctx context.Context, p *phase) error { return p.callers(ctx, sends) })
}

// measure has drive put the load on, for the warm-up and for the measurement.
func measure(ctx context.Context, task Task, drive func(ctx context.Context, p *phase) error) (Sample, error) {
	var warm Sample
	if task.WarmUp > 0 {
		if err := newPhase(task, task.WarmUp).run(ctx, drive, &warm); err != nil {
			return Sample{}, err
		}
	}
	// The warm-up's garbage is not the measurement's, nor is its peak memory.
	debug.FreeOSMemory()
	var s Sample
	before, err := UsageNow()
	if err != nil {
		return Sample{}, err
	}
	if err := newPhase(task, task.Length).run(ctx, drive, &s); err != nil {
		return Sample{}, err
	}
	used, err := before.Since()
	if err != nil {
		return Sample{}, err
	}
	s.CPU, s.Mallocs = used.CPU, used.Mallocs
	s.Acknowledged = warm.Measured + s.Measured
	s.Failed += warm.Failed
	if warm.Err != "" {
		s.Err = warm.Err
	}
	return s, nil
}

// phase is the warm-up or the measurement.
type phase struct {
	task      Task
	length    time.Duration
	latency   *shards
	begin     time.Time
	confirmed atomic.Int64
	inTime    atomic.Int64
	failed    atomic.Int64
	first     atomic.Pointer[string] // error
	stopped   atomic.Bool            // early
}

func newPhase(task Task, length time.Duration) *phase {
	return &phase{task: task, length: length, latency: newShards()}
}

func (p *phase) run(ctx context.Context, drive func(ctx context.Context, p *phase) error, s *Sample) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { p.stopped.Store(true) })()
	p.begin = time.Now()
	if err := drive(ctx, p); err != nil {
		return err
	}
	s.Measured, s.InTime, s.Failed = p.confirmed.Load(), p.inTime.Load(), p.failed.Load()
	s.Length, s.Latency = p.length, p.latency.total()
	if first := p.first.Load(); first != nil {
		s.Err = *first
	}
	if s.Failed > tolerated || s.Measured == 0 {
		return fmt.Errorf("load: %d messages confirmed and %d failed, the first with: %s", s.Measured, s.Failed, s.Err)
	}
	return nil
}

// callers has each caller send until the time is up, and waits for all.
func (p *phase) callers(ctx context.Context, sends []Send) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var planned chan time.Duration
	var pacing sync.WaitGroup
	var paceErr error
	if p.task.Rate > 0 {
		planned = make(chan time.Duration, 1<<16)
		pacing.Go(func() { paceErr = p.pace(ctx, planned) })
	}
	var callers sync.WaitGroup
	for i, send := range sends {
		callers.Go(func() {
			if planned != nil {
				p.open(i, send, planned)
			} else {
				p.closed(i, send)
			}
		})
	}
	callers.Wait()
	cancel()
	pacing.Wait()
	return paceErr
}

// closed sends one call after the other until the time is up. It makes one at least:
// on a busy machine the time may be up before the caller runs at all.
func (p *phase) closed(caller int, send Send) {
	latency := p.latency.of(caller)
	begin := time.Since(p.begin)
	for first := true; (first || begin < p.length) && p.goesOn(); first = false {
		end := p.call(send)
		latency.Record(end - begin)
		begin = end
	}
}

// open makes a call for each planned time that it gets hold of.
func (p *phase) open(caller int, send Send, planned <-chan time.Duration) {
	latency := p.latency.of(caller)
	for at := range planned {
		if !p.goesOn() {
			return
		}
		latency.Record(p.call(send) - at)
	}
}

// call makes a call and returns when it ended, counted from the phase's begin.
func (p *phase) call(send Send) time.Duration {
	return p.answered(send())
}

// answered counts a call's answer and returns when it came, counted from the phase's
// begin.
func (p *phase) answered(confirmed int, err error) time.Duration {
	end := time.Since(p.begin)
	p.confirmed.Add(int64(confirmed))
	if end <= p.length {
		p.inTime.Add(int64(confirmed))
	}
	if err != nil {
		text := err.Error()
		p.first.CompareAndSwap(nil, &text)
		p.failed.Add(int64(p.task.PerCall - confirmed))
	}
	return end
}

func (p *phase) goesOn() bool { return !p.stopped.Load() && p.failed.Load() <= tolerated }

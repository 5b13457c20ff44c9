package dispatch

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// accumulators has the accumulator of each topic in use. Every Config.SweepInterval a
// timer forgets those that nobody has used since the time before, so that their number
// is bounded by use. It does not run while there are none.
type accumulators struct {
	engine *Engine

	mu      sync.RWMutex // guards what follows
	byTopic map[string]*accumulator
	timer   *time.Timer
	sweeps  bool // the timer runs
	closed  bool
}

// of returns the topic's accumulator.
func (all *accumulators) of(topic string) *accumulator {
	all.mu.RLock()
	acc := all.byTopic[topic]
	if acc != nil {
		acc.use() // before a sweep may forget it
	}
	all.mu.RUnlock()
	if acc != nil {
		return acc
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if acc := all.byTopic[topic]; acc != nil {
		acc.use()
		return acc
	}
	if all.byTopic == nil {
		all.byTopic = make(map[string]*accumulator)
	}
	acc = newAccumulator(all.engine, topic)
	acc.use()
	all.byTopic[topic] = acc
	all.setTimer()
	return acc
}

// setTimer has the next sweep come. mu is held.
func (all *accumulators) setTimer() {
	if all.sweeps || all.closed {
		return
	}
	all.sweeps = true
	if all.timer == nil {
		all.timer = time.AfterFunc(all.engine.cfg.SweepInterval, all.sweep)
	} else {
		all.timer.Reset(all.engine.cfg.SweepInterval)
	}
}

// sweep is what the timer does.
func (all *accumulators) sweep() {
	all.forget(all.unused())
	all.mu.Lock()
	defer all.mu.Unlock()
	all.sweeps = false
	if len(all.byTopic) > 0 {
		all.setTimer()
	}
}

// unused returns the topics of accumulators that nobody has used since the last sweep.
func (all *accumulators) unused() []string {
	all.mu.RLock()
	defer all.mu.RUnlock()
	var idle []string
	for topic, acc := range all.byTopic {
		if acc.idle() {
			idle = append(idle, topic)
		}
	}
	return idle
}

// forget drops the accumulators of the topics, but for those that somebody has got
// meanwhile: messages of a key must not find another beside it.
func (all *accumulators) forget(topics []string) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, topic := range topics {
		if acc := all.byTopic[topic]; !acc.used.Load() {
			acc.retire()
			delete(all.byTopic, topic)
		}
	}
}

// len returns the number of accumulators.
func (all *accumulators) len() int {
	all.mu.RLock()
	defer all.mu.RUnlock()
	return len(all.byTopic)
}

// cut ends all calls that wait, and all timers.
func (all *accumulators) cut() {
	all.mu.Lock()
	all.closed = true
	if all.timer != nil {
		all.timer.Stop()
	}
	list := slices.Collect(maps.Values(all.byTopic))
	all.mu.Unlock()
	for _, acc := range list {
		acc.cutOff()
	}
}

package main

import (
	"slices"
	"time"
)

// goal is something that is to be reached.
type goal struct {
	what   string
	least  float64 // 0 if there is a most
	most   float64
	value  float64
	format func(float64) string
}

func (g *goal) met() bool {
	if g.most > 0 {
		return g.value <= g.most
	}
	return g.value >= g.least
}

// judge returns the goals, without those that were not measured.
func (f *found) judge() []goal {
	ratio := func(a, b string, of func(turn) float64) float64 {
		var all []float64
		for i, t := range f.turns[a] {
			all = append(all, of(t)/of(f.turns[b][i]))
		}
		return median(all)
	}
	rate := func(t turn) float64 { return t.rate }
	cpu := func(t turn) float64 { return float64(t.brokerCPU) }
	var goals []goal
	if f.turns[realAsync] != nil {
		goals = append(goals,
			goal{what: "in memory, messages/s by those of RocketMQ with async flush", least: 1, value: ratio(embeddedRAM, realAsync, rate), format: times},
			goal{what: "in memory, processor time of the broker for a message by that of RocketMQ with async flush", most: 0.25, value: ratio(embeddedRAM, realAsync, cpu), format: times},
			goal{what: "with a folder and sync flush, messages/s by those of RocketMQ with sync flush", least: 1, value: ratio(embeddedSync, realSync, rate), format: times},
		)
	}
	goals = append(goals,
		goal{what: "with a folder and async flush, messages/s by those in memory", least: 0.8, value: ratio(embeddedAsync, embeddedRAM, rate), format: times},
		goal{what: "opening a folder, for each GiB of its log", most: 3, value: f.perGiB(f.folder.opened), format: seconds},
	)
	if f.folder.openedCold > 0 {
		goals = append(goals, goal{what: "the same when nothing of it is in the system's memory", most: 3, value: f.perGiB(f.folder.openedCold), format: seconds})
	}
	return append(goals,
		goal{what: "heap for a message of a folder, stored since the start", most: 64, value: f.perMessage.stored, format: bytes},
		goal{what: "heap for a message of a folder that was opened", most: 64, value: f.perMessage.opened, format: bytes},
		goal{what: "the same after a query by key, which makes the index", most: 64, value: f.perMessage.indexed, format: bytes},
	)
}

func (f *found) perGiB(d time.Duration) float64 {
	return d.Seconds() * (1 << 30) / float64(f.folder.bytes)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	if n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[n/2]
}

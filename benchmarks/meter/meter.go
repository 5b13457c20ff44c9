package meter

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Meter watches a consumer do a Task. It is safe for concurrent use.
type Meter struct {
	task     Task
	begin    time.Time
	taken    []atomic.Bool  // by number
	arrivals []atomic.Int64 // by number, nil unless the task wants them

	seen       atomic.Int64
	duplicates atomic.Int64
	strays     atomic.Int64
	acked      atomic.Int64 // for the first time
	first      atomic.Int64 // when the first came
	total      atomic.Int64

	ready     chan struct{}
	readyOnce sync.Once
	done      chan struct{}

	from *mark
	to   *mark
}

// New begins to measure.
func New(task Task) *Meter {
	m := &Meter{
		task: task, begin: time.Now(),
		from: newMark(max(task.Messages/10, 1)), to: newMark(max(task.Messages*9/10, 2)),
		taken: make([]atomic.Bool, task.Messages), ready: make(chan struct{}), done: make(chan struct{}),
	}
	if task.Arrivals {
		m.arrivals = make([]atomic.Int64, task.Messages)
	}
	return m
}

// Take notes that the consumer's function was given a message. What it returns is to be
// given to Acked when the message is acknowledged.
func (m *Meter) Take(body []byte) (first bool) {
	n := number(body)
	if n == Probe {
		m.readyOnce.Do(func() { close(m.ready) })
		return false
	}
	at := n - m.task.First
	if at < 0 || at >= m.task.Messages {
		m.strays.Add(1)
		return false
	}
	if m.taken[at].Swap(true) {
		m.duplicates.Add(1)
		return false
	}
	if m.arrivals != nil {
		m.arrivals[at].Store(time.Now().UnixNano())
	}
	m.count(1)
	return true
}

// Acked notes that a message was acknowledged.
func (m *Meter) Acked(first bool) {
	if first {
		m.ack(1)
	}
}

// Fetched notes n messages at once, of which nobody looks at the bodies.
func (m *Meter) Fetched(n int) {
	if n > 0 {
		m.count(int64(n))
		m.ack(int64(n))
	}
}

func (m *Meter) count(n int64) {
	if m.seen.Add(n) == n {
		m.first.Store(int64(time.Since(m.begin)))
	}
}

func (m *Meter) ack(n int64) {
	now := m.acked.Add(n)
	for _, mark := range []*mark{m.from, m.to} {
		switch {
		case now < mark.acked:
		case crossed(now, n, mark.acked):
			mark.read(m.task.BrokerPID, &m.acked)
		default:
			mark.wait()
		}
	}
	if crossed(now, n, m.task.Messages) {
		m.total.Store(int64(time.Since(m.begin)))
		close(m.done)
	}
}

// crossed reports whether adding n, which made now of it, reached the mark.
func crossed(now, n, mark int64) bool { return now >= mark && now-n < mark }

// Ready is closed when a Probe has come.
func (m *Meter) Ready() <-chan struct{} { return m.ready }

// Done is closed when every message of the range was acknowledged.
func (m *Meter) Done() <-chan struct{} { return m.done }

// Sample returns what was found. The consumer has left its group by then: duplicates
// count until it has.
func (m *Meter) Sample() (Sample, error) {
	select {
	case <-m.done:
	default:
		return Sample{}, fmt.Errorf("meter: %d of %d messages were acknowledged and %d seen after %s",
			m.acked.Load(), m.task.Messages, m.seen.Load(), time.Since(m.begin).Round(time.Second))
	}
	from, err := m.from.get()
	if err != nil {
		return Sample{}, err
	}
	to, err := m.to.get()
	if err != nil {
		return Sample{}, err
	}
	if n := m.strays.Load(); n > 0 && !m.task.Arrivals {
		return Sample{}, fmt.Errorf("meter: %d messages that are not in the topic", n)
	}
	s := Sample{
		Seen: m.seen.Load(), Duplicates: m.duplicates.Load(),
		Start: time.Duration(m.first.Load()), Total: time.Duration(m.total.Load()),
		Measured: to.acked - from.acked, Length: to.at.Sub(from.at),
		CPU: to.usage.CPU - from.usage.CPU, Mallocs: to.usage.Mallocs - from.usage.Mallocs, BrokerCPU: -1,
	}
	if m.task.BrokerPID != 0 {
		s.BrokerCPU = to.broker - from.broker
	}
	for i := range m.arrivals {
		s.Arrivals = append(s.Arrivals, m.arrivals[i].Load())
	}
	if s.Measured <= 0 || s.Length <= 0 {
		return Sample{}, fmt.Errorf("meter: %d messages are too few to be measured", m.task.Messages)
	}
	return s, nil
}

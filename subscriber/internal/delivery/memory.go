package delivery

import (
	"sync"
	"time"
)

// remembered is how many messages a memory has room for.
const remembered = 4096

// memory knows of messages that were given back to brokers to be delivered again what
// brokers do not know: how often they were delivered here, and the pause that they asked
// for. It forgets the oldest first. What other members have nacked it does not know.
type memory struct {
	mu    sync.Mutex // guards what follows
	notes map[string]note
	order []string // a ring
	next  int
}

type note struct {
	delivery int
	asked    time.Duration
}

// keep remembers a message that is given back.
func (y *memory) keep(m *Message) {
	key := m.UniqueKey()
	if key == "" {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.notes == nil {
		y.notes = make(map[string]note)
	}
	if _, known := y.notes[key]; !known {
		if len(y.order) < remembered {
			y.order = append(y.order, key)
		} else {
			delete(y.notes, y.order[y.next])
			y.order[y.next] = key
			y.next = (y.next + 1) % remembered
		}
	}
	y.notes[key] = note{m.delivery.Number, m.Asked}
}

// recall tells a message that has come again what is known of it.
func (y *memory) recall(m *Message) {
	if m.Deliveries < 2 {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	if n, ok := y.notes[m.UniqueKey()]; ok {
		m.Deliveries = max(m.Deliveries, n.delivery+1)
		m.Asked = n.asked
	}
}

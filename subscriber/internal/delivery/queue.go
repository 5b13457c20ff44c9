package delivery

// queue is a first-in, first-out list to which messages may return.
type queue struct {
	items []*Message
	head  int
}

func (q *queue) len() int { return len(q.items) - q.head }

// peek returns the first message, nil if there is none.
func (q *queue) peek() *Message {
	if q.len() == 0 {
		return nil
	}
	return q.items[q.head]
}

// pop takes the first message out.
func (q *queue) pop() *Message {
	m := q.items[q.head]
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return m
}

func (q *queue) push(messages ...*Message) {
	if q.head > 0 && len(q.items)+len(messages) > cap(q.items) {
		q.items = q.items[:copy(q.items, q.items[q.head:])]
		q.head = 0
	}
	q.items = append(q.items, messages...)
}

// pushFront has a message come next.
func (q *queue) pushFront(m *Message) {
	if q.head == 0 {
		q.items = append(q.items, nil)
		copy(q.items[1:], q.items)
		q.items[0] = m
		return
	}
	q.head--
	q.items[q.head] = m
}

// all returns the messages, the first first. The slice is good until the next change.
func (q *queue) all() []*Message { return q.items[q.head:] }

// keep drops the messages that keep returns false for.
func (q *queue) keep(keep func(m *Message) bool) {
	kept := q.items[q.head:q.head]
	for _, m := range q.items[q.head:] {
		if keep(m) {
			kept = append(kept, m)
		}
	}
	clear(q.items[q.head+len(kept):])
	q.items = q.items[:q.head+len(kept)]
	if len(kept) == 0 {
		q.items, q.head = q.items[:0], 0
	}
}

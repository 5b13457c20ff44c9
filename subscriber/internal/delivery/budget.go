package delivery

import (
	"context"
	"sync"
)

// Batch is the most messages that a broker hands out at once (maxMsgNums of 5.5.0, and
// maxTransferCountOnMessageInMemory). Requests for fewer cost as much.
const Batch = 32

// Budget bounds what a subscription has taken from the brokers and not answered yet. It
// is safe for concurrent use.
//
// Messages are counted from before they are asked for until they are answered, bytes from
// when they have come: how many those of an answer have is not known before. So the bytes
// may be more than the bound by what the answers have that were asked for below it.
type Budget struct {
	messages, bytes int // bounds

	mu      sync.Mutex // guards what follows
	taken   int        // messages asked for, waiting and handed out
	waiting int        // of these, asked for or not yet handed out
	here    int        // of these, those that have come
	size    int
	// window is how many may wait to be handed out. It is between 1 and messages.
	window int
	fixed  bool // the window stays as it is
	// changed is closed, and made anew, when there is more room and somebody waits for it.
	changed chan struct{}
}

// NewBudget returns a Budget of so many messages and bytes, at least one of each. Ordered
// says that those of some queues may wait for long without a reason to take fewer of
// others: the window is as wide as it can be.
func NewBudget(messages, bytes int, ordered bool) *Budget {
	messages, bytes = max(messages, 1), max(bytes, 1)
	b := &Budget{messages: messages, bytes: bytes, window: messages, fixed: ordered}
	if !ordered {
		b.window = min(Batch, messages)
	}
	return b
}

// Messages is the bound of messages.
func (b *Budget) Messages() int { return b.messages }

// Take waits until there is room for a request, and returns the number of messages that it
// may ask for, at most as many as it is given, and not more than Batch. It waits for a
// whole batch, unless that is more than a quarter of all, or nothing waits to be handed
// out. What does not come of them is given back by Return. The error is the cause of ctx,
// which has ended.
func (b *Budget) Take(ctx context.Context, most int) (int, error) {
	for {
		b.mu.Lock()
		if n := b.room(most); n > 0 {
			b.taken += n
			b.waiting += n
			b.mu.Unlock()
			return n, nil
		}
		if b.changed == nil {
			b.changed = make(chan struct{})
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// TryTake is Take that does not wait: it returns 0 if there is no room.
func (b *Budget) TryTake(most int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.room(most)
	b.taken += n
	b.waiting += n
	return n
}

// room is how many messages may be asked for. mu is held.
func (b *Budget) room(most int) int {
	if b.size >= b.bytes {
		return 0
	}
	most = min(most, Batch)
	n := min(most, b.messages-b.taken, b.window-b.waiting)
	if worth := min(most, max(1, b.messages/4)); n < worth && (b.waiting > 0 || n <= 0) {
		return 0
	}
	return n
}

// Return gives back n messages that were taken and did not come.
func (b *Budget) Return(n int) { b.change(-n, -n, 0, 0) }

// came counts messages that have come, and their bytes.
func (b *Budget) came(messages, size int) { b.change(0, 0, messages, size) }

// grew counts bytes that were made of a message that has come.
func (b *Budget) grew(size int) { b.change(0, 0, 0, size) }

// handed says that a message does not wait any more.
func (b *Budget) handed() { b.change(0, -1, 0, 0) }

// again says that a message waits once more.
func (b *Budget) again() { b.change(0, 1, 0, 0) }

// answered gives back the room of a message that does not wait.
func (b *Budget) answered(size int) { b.change(-1, 0, -1, -size) }

func (b *Budget) change(taken, waiting, here, size int) {
	b.mu.Lock()
	b.taken += taken
	b.waiting += waiting
	b.here += here
	b.size += size
	b.tell()
	b.mu.Unlock()
}

// tell wakes those who wait, if there is room for anybody. mu is held.
func (b *Budget) tell() {
	if b.changed != nil && b.room(1) > 0 {
		close(b.changed)
		b.changed = nil
	}
}

// narrow halves the window: messages have waited for long.
func (b *Budget) narrow() {
	b.mu.Lock()
	if !b.fixed {
		b.window = max(1, b.window/2)
	}
	b.mu.Unlock()
}

// widen doubles the window: the receivers had to wait.
func (b *Budget) widen() {
	b.mu.Lock()
	if b.window < b.messages {
		b.window = min(b.messages, 2*b.window)
		b.tell()
	}
	b.mu.Unlock()
}

// Here returns the number of messages that have come and are not answered.
func (b *Budget) Here() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.here
}

// InFlight returns the messages that have come and are not answered, how many of them do
// not wait to be handed out, and their bytes.
func (b *Budget) InFlight() (here, out, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.here, b.taken - b.waiting, b.size
}

// Taken returns the messages and bytes that count at the moment.
func (b *Budget) Taken() (messages, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken, b.size
}

package pull

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// progress is how far a queue is consumed, from the offset on at which a reader has begun
// or begun anew. Its lanes tell it of acks. It is safe for concurrent use, but for its
// lanes, which are the reader's.
type progress struct {
	reader *reader
	start  int64
	lanes  map[*Fetcher]*lane

	// turn has room for one token: whoever has put it there commits.
	turn chan struct{}
	// wake has one slot: the window is shorter, or something was released.
	wake chan struct{}

	mu     sync.Mutex // guards what follows
	window window
	// confirmed is the offset that the broker has said last that it has, -1 if it never did,
	// and confirmedAt is when.
	confirmed   int64
	confirmedAt time.Time
	// fenced says that nothing is to be committed any more.
	fenced bool
	// back is the lowest offset that was released, -1 if there is none.
	back int64
	// failedHere are offsets of messages whose pauses are waited out here.
	failedHere map[int64]struct{}
}

// newProgress returns one that starts at the offset. The broker has that offset already
// if committed says so.
func newProgress(r *reader, start int64, committed bool) *progress {
	p := &progress{
		reader: r, start: start, lanes: make(map[*Fetcher]*lane),
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		window: window{end: start}, confirmed: -1, back: -1,
	}
	if committed {
		p.confirmed, p.confirmedAt = start, time.Now()
	}
	return p
}

// ack notes that a message is consumed.
func (p *progress) ack(offset int64) {
	p.mu.Lock()
	moved := p.window.ack(offset)
	p.mu.Unlock()
	if moved {
		signal(p.wake)
	}
}

// release notes that a message was given back. With again it is read once more.
func (p *progress) release(offset int64, again bool) {
	p.mu.Lock()
	again = p.window.release(offset) && again
	if again && (p.back < 0 || offset < p.back) {
		p.back = offset
	}
	p.mu.Unlock()
	if again {
		signal(p.wake)
		p.reader.interrupt()
	}
}

// failHere notes that a message has failed which the broker knows nothing of, before it is
// released.
func (p *progress) failHere(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failedHere == nil {
		p.failedHere = make(map[int64]struct{})
	}
	p.failedHere[offset] = struct{}{}
}

// recall tells messages of which that was noted that they were delivered before. How often,
// their Output remembers.
func (p *progress) recall(messages []*delivery.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failedHere) == 0 {
		return
	}
	for _, m := range messages {
		if _, ok := p.failedHere[m.Stored.QueueOffset]; ok {
			delete(p.failedHere, m.Stored.QueueOffset)
			m.Deliveries = max(m.Deliveries, 2)
		}
	}
}

// releaseIn has a message read once more after a pause.
func (p *progress) releaseIn(pause time.Duration, offset int64) {
	time.AfterFunc(pause, func() { p.release(offset, true) })
}

// takeBack returns the lowest offset that was released since the last time.
func (p *progress) takeBack() (offset int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	offset, p.back = p.back, -1
	return offset, offset >= 0
}

// isBack reports whether a message was released since takeBack.
func (p *progress) isBack() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.back >= 0
}

// firstReleased returns the lowest offset that was released and is not taken again, and the
// offset after all that was taken.
func (p *progress) firstReleased() (offset, end int64, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	offset, ok = p.window.firstReleased()
	return offset, p.window.end, ok
}

// forget takes messages for consumed that were released and have an offset of these, but are
// not there any more. It returns the offset of one of them, -1 if there is none.
func (p *progress) forget(from, to int64, there []*delivery.Message) (gone int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone = -1
	for _, offset := range p.window.releasedIn(from, to) {
		if !slices.ContainsFunc(there, func(m *delivery.Message) bool { return m.Stored.QueueOffset == offset }) {
			p.window.ack(offset)
			delete(p.failedHere, offset)
			gone = offset
		}
	}
	return gone
}

// wants reports whether a message is to be taken.
func (p *progress) wants(offset int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.wants(offset)
}

// take notes messages that lanes will have.
func (p *progress) take(offsets ...int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, offset := range offsets {
		p.window.take(offset)
	}
}

// advance notes that there is nothing more to take before the offset.
func (p *progress) advance(end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.advance(end)
}

// span is how far the window reaches, from which offset on.
func (p *progress) span() (span, lowest int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.span(), p.window.lowest()
}

// uncommitted is how many acks the broker has not been told of. Offsets without a message,
// such as those that a filter keeps back, count until the next commit.
func (p *progress) uncommitted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.window.lowest()-max(p.confirmed, p.start)) + p.window.acked
}

// fence has nothing committed from now on. It waits for a commit that is under way, until
// ctx ends. unfence takes it back.
func (p *progress) fence(ctx context.Context) (unfence func()) {
	p.mu.Lock()
	p.fenced = true
	p.mu.Unlock()
	select {
	case p.turn <- struct{}{}:
		<-p.turn
	case <-ctx.Done():
	}
	return func() {
		p.mu.Lock()
		p.fenced = false
		p.mu.Unlock()
	}
}

// tellAgain is how often a broker is told of an offset that has not changed, as Java does
// (ClientConfig.persistConsumerOffsetInterval): one that is killed forgets what it was told
// in the last seconds.
const tellAgain = 5 * time.Second

// commit tells the broker of what has been consumed, if that is news or was not said for
// a while, and waits for its word: of two commits that nobody waits for the older one may
// be the last to be processed.
func (p *progress) commit(ctx context.Context) error {
	e := p.reader.engine
	if e.isBroadcast() {
		return nil
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.turn }()
	p.mu.Lock()
	offset := p.window.lowest()
	nothing := p.fenced || offset == p.confirmed && time.Since(p.confirmedAt) < tellAgain
	p.mu.Unlock()
	if nothing {
		return nil
	}
	if err := e.commit(ctx, p.reader.queue, offset); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmed, p.confirmedAt = offset, time.Now()
	return nil
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package pull

import (
	"context"
	"sync"
)

// firstCommits has the first offsets that a group commits in a topic told to a broker one
// after the other. Of two at the same time, for two queues, a broker confirms both and may
// forget one: each makes a new table of the group's offsets, and the later table replaces
// the other (ConsumerOffsetManager.commitOffset of 4.9.7 and 5.5.0). The zero value is
// ready. It is safe for concurrent use.
type firstCommits struct {
	mu     sync.Mutex // guards what follows
	tables map[offsetTable]*firstCommit
}

// offsetTable is where a broker has the group's offsets in a topic.
type offsetTable struct{ broker, topic string }

type firstCommit struct {
	// turn has room for one token: whoever has put it there commits.
	turn chan struct{}
	// done is closed when the broker has an offset.
	done chan struct{}
}

// commit calls do, and while the broker is not known to have an offset in the topic, nobody
// else's at the same time.
func (f *firstCommits) commit(ctx context.Context, broker, topic string, do func() error) error {
	first := f.of(offsetTable{broker, topic})
	select {
	case <-first.done:
		return do()
	case <-ctx.Done():
		return context.Cause(ctx)
	case first.turn <- struct{}{}:
	}
	defer func() { <-first.turn }()
	err := do()
	if err == nil {
		first.finish()
	}
	return err
}

// forget notes that a broker may have lost what it had.
func (f *firstCommits) forget(broker string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for table := range f.tables {
		if table.broker == broker {
			delete(f.tables, table)
		}
	}
}

func (f *firstCommits) of(table offsetTable) *firstCommit {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.tables[table]
	if first == nil {
		if f.tables == nil {
			f.tables = make(map[offsetTable]*firstCommit)
		}
		first = &firstCommit{turn: make(chan struct{}, 1), done: make(chan struct{})}
		f.tables[table] = first
	}
	return first
}

// finish is called by whoever has the turn.
func (f *firstCommit) finish() {
	select {
	case <-f.done:
	default:
		close(f.done)
	}
}

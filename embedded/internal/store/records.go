package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/memlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Records is where a broker puts its messages, in memory or in a folder.
type Records interface {
	// First is the offset of the oldest record that is kept.
	First() int64
	// End is behind the newest record.
	End() int64
	// View returns bytes of the log that are not to be changed, nil if they are not there.
	View(offset int64, size int) []byte
	// Run returns records that lie next to each other, from an offset on or from the first one
	// behind it, and the offset of the first. There are none at the end of the log.
	Run(from int64) (raw []byte, offset int64)
	// Append adds records that belong together, and calls place for each with its offset,
	// before it takes it. Go or WriteNow have them written.
	Append(records [][]byte, place func(i int, offset int64)) (Write, error)
	// Go has what was appended written, see [commitlog.Log.Go], and WriteNow has the caller
	// do it, see [commitlog.Log.WriteNow].
	Go()
	WriteNow()
}

// Write is records that are on their way. The zero value has arrived.
type Write struct{ batch *commitlog.Batch }

// Done reports whether there is nothing to wait for.
func (w Write) Done() bool { return w.batch == nil }

// Wait waits until the records are stored. An error means that they are not.
func (w Write) Wait() error {
	if w.batch == nil {
		return nil
	}
	return w.batch.Wait()
}

// Then has ended called with what Wait returns, and early before if the disk takes longer
// than patience, see [commitlog.Batch.Then].
func (w Write) Then(patience time.Duration, early func(), ended func(error)) {
	if w.batch == nil {
		ended(nil)
		return
	}
	w.batch.Then(patience, early, ended)
}

// ErrUnsynced says that records are stored, and that the disk takes so long that a crash of
// the machine may take them away (PutMessageStatus.FLUSH_DISK_TIMEOUT).
var ErrUnsynced = errors.New("FLUSH_DISK_TIMEOUT")

// WaitFor is Wait that ends with ErrUnsynced when the disk takes longer than patience.
func (w Write) WaitFor(patience time.Duration) error {
	outcome := make(chan error, 2)
	w.Then(patience, func() { outcome <- ErrUnsynced }, func(err error) { outcome <- err })
	return <-outcome
}

// InMemory keeps the newest records, so many bytes of them. It is not safe for concurrent
// use.
func InMemory(most int64) Records { return memory{memlog.New(most)} }

type memory struct{ *memlog.Log }

func (m memory) Append(records [][]byte, place func(i int, offset int64)) (Write, error) {
	for i, r := range records {
		place(i, m.End())
		m.Log.Append(r)
	}
	return Write{}, nil
}

// Go does nothing: what is appended is there.
func (memory) Go() {}

// WriteNow does nothing either.
func (memory) WriteNow() {}

// Records are those of the folder. They are safe for concurrent use.
func (s *Store) Records() Records { return files{s.log} }

type files struct{ *commitlog.Log }

// LongestTopic is how many bytes the topic of a message may have in a folder: 4.9 takes a
// record of version 2, which a longer one needs, for the end of the log, and deletes all that
// follows.
const LongestTopic = 127

// ErrLongTopic is the error of a message whose topic is longer.
var ErrLongTopic = fmt.Errorf("store: a topic of more than %d bytes, which RocketMQ 4.9 would take for the end of the log", LongestTopic)

func (f files) Append(records [][]byte, place func(i int, offset int64)) (Write, error) {
	for _, r := range records {
		if !body.IsVersion1(r) {
			return Write{}, ErrLongTopic
		}
	}
	batch, err := f.Log.Append(records, place)
	return Write{batch}, err
}

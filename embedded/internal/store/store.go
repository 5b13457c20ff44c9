package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/checkpoint"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/consumequeue"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/folder"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/index"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Config says how a folder is kept. Sizes of 0 are RocketMQ's defaults; a real broker has
// to have the same ones.
type Config struct {
	Dir string
	// Log is for the log. Its folder is the store's.
	Log commitlog.Config
	// QueueFileSize is the size of the files of queues.
	QueueFileSize int64
	// IndexSlots and IndexEntries are those of a file of the index.
	IndexSlots, IndexEntries int
	// TagIndex has messages found by their tags in the index, as from 5.4.0 on.
	TagIndex bool
	Limits   Limits
}

func (c *Config) setDefaults() {
	if c.QueueFileSize == 0 {
		c.QueueFileSize = consumequeue.DefaultFileSize
	}
	if c.IndexSlots == 0 {
		c.IndexSlots = index.DefaultSlots
	}
	if c.IndexEntries == 0 {
		c.IndexEntries = index.DefaultEntries
	}
	c.Log.Dir = filepath.Join(c.Dir, "commitlog")
}

// Store is a folder that is open.
type Store struct {
	cfg   Config
	lock  *folder.Lock
	log   *commitlog.Log
	state stateFiles
	full  atomic.Bool
	// Recovery says what the log was like.
	Recovery commitlog.Recovery
	// Crashed is whether the broker before had not ended in good order.
	Crashed bool
}

// Open opens a folder, which is made if need be, and calls visit for each message in its
// log. It fails with [folder.ErrLocked] if a broker has it open.
func Open(cfg Config, visit func(commitlog.Record)) (*Store, error) {
	cfg.setDefaults()
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	lock, err := folder.Take(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{cfg: cfg, lock: lock}
	if cfg.Limits.Usage != nil {
		if _, err := cfg.Limits.Usage(cfg.Dir); err != nil {
			return nil, errors.Join(fmt.Errorf("store: %w", err), lock.Release())
		}
	}
	if err := s.open(visit); err != nil {
		return nil, errors.Join(fmt.Errorf("store: %w", err), lock.Release())
	}
	return s, nil
}

func (s *Store) open(visit func(commitlog.Record)) (err error) {
	if s.Crashed, err = folder.MarkRunning(s.cfg.Dir); err != nil {
		return err
	}
	if s.state, err = readState(s.cfg.Dir); err != nil {
		return err
	}
	if s.log, s.Recovery, err = commitlog.Open(s.cfg.Log, visit); err != nil {
		return err
	}
	if err := s.removeDerived(); err != nil {
		return errors.Join(err, s.log.Close())
	}
	return nil
}

// derived are the files that are made of the log, in the order in which they go: a
// checkpoint without queues would have a real broker pass over most of the log.
func (s *Store) derived() []string {
	return []string{
		filepath.Join(s.cfg.Dir, "checkpoint"),
		filepath.Join(s.cfg.Dir, "consumequeue"),
		filepath.Join(s.cfg.Dir, "index"),
	}
}

func (s *Store) removeDerived() error {
	for _, path := range s.derived() {
		for _, name := range []string{path, path + ".tmp"} {
			if err := os.RemoveAll(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close waits until what was appended is written, and takes no more. Then it writes what
// belongs to an orderly end: the queues and the index of the messages in the log whose topic
// is wanted and can be the name of a folder, and a checkpoint that claims both. If they
// cannot be written there are none, as after a crash. delay is the delay of a level, which
// the queues of delayed messages have.
func (s *Store) Close(wanted func(topic string) bool, delay func(level int) time.Duration) error {
	s.log.Stop() // somebody may have left before the message was written
	err := s.writeDerived(wanted, delay)
	if err != nil {
		err = errors.Join(err, s.removeDerived())
	}
	err = errors.Join(err, s.log.Close())
	if err == nil {
		err = folder.MarkEnded(s.cfg.Dir)
	}
	if err = errors.Join(err, s.lock.Release()); err != nil {
		return fmt.Errorf("store: closing %s: %w", s.cfg.Dir, err)
	}
	return nil
}

// Abandon closes a folder as a crash leaves it.
func (s *Store) Abandon() error { return errors.Join(s.log.Close(), s.lock.Release()) }

// derivation is what queues and index are written of.
type derivation struct {
	store    *Store
	queues   map[name]*queue
	entries  []index.Entry
	last     int64 // store time
	lastUnit int64 // offset of the log
}

type name struct {
	topic string
	id    int32
}

// queue is a queue whose tags are those of its files.
type queue struct {
	queues.Queue
	tags []int64
}

func (s *Store) writeDerived(wanted func(string) bool, delay func(int) time.Duration) error {
	d := derivation{store: s, queues: make(map[name]*queue)}
	if err := s.log.Walk(func(r commitlog.Record) { d.add(&r, wanted, delay) }); err != nil {
		return err
	}
	paths := s.derived()
	for n, q := range d.queues {
		if err := consumequeue.Write(paths[1]+".tmp", n.topic, n.id, s.cfg.QueueFileSize, q.First, q.units()); err != nil {
			return err
		}
	}
	cfg := index.Config{Dir: paths[2] + ".tmp", Slots: s.cfg.IndexSlots, Entries: s.cfg.IndexEntries}
	if _, err := index.Write(cfg, time.Now(), slices.Values(d.entries)); err != nil {
		return err
	}
	// All or nothing: of a part a real broker would not make the rest.
	for _, path := range paths[1:] {
		if err := os.Rename(path+".tmp", path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return checkpoint.Write(paths[0], checkpoint.Checkpoint{
		LogTime: d.last, QueueTime: d.last, IndexTime: d.last, QueueOffset: d.lastUnit,
	})
}

func (d *derivation) add(r *commitlog.Record, wanted func(string) bool, delay func(int) time.Duration) {
	m := &r.Message
	d.last = m.StoreTimestamp
	if !wanted(m.Topic) || !consumequeue.IsName(m.Topic) {
		return
	}
	transaction := m.SysFlag & headers.SysFlagTransactionMask
	if transaction != headers.SysFlagRollback {
		d.entries = d.store.appendKeys(d.entries, r)
	}
	if transaction == headers.SysFlagPrepared || transaction == headers.SysFlagRollback {
		return
	}
	d.lastUnit = r.Offset
	n := name{m.Topic, m.QueueID}
	q := d.queues[n]
	if q == nil {
		q = &queue{}
		d.queues[n] = q
	}
	added, anew := q.Restore(m.QueueOffset, queues.Unit{Offset: r.Offset, Size: int32(r.Size)})
	if anew {
		q.tags = nil
	}
	if added {
		q.tags = append(q.tags, tagCode(m, delay))
	}
}

package embedded

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keeper"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/messages"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/settings"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	keepFiles  = 72 * time.Hour // MessageStoreConfig.fileReservedTime
	timerQueue = 0
)

// openFolder opens the broker's folder, and takes in what it has.
func (b *Broker) openFolder() error {
	cfg := &b.cluster.cfg
	dir := cfg.dir
	if cfg.brokers > 1 {
		dir = filepath.Join(dir, b.name)
	}
	var contents store.Contents
	s, err := store.Open(store.Config{Dir: dir, TagIndex: b.tagIndex(), Limits: cfg.limits, QueueFileSize: cfg.queueFileSize, IndexSlots: cfg.indexSlots, IndexEntries: cfg.indexEntries, Log: commitlog.Config{
		FileSize: cfg.commitLogFileSize, Sync: cfg.syncFlush, Written: b.written, Lost: b.lost, Open: cfg.openFile,
	}}, contents.Add)
	if err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	b.keeper = keeper.New(s)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = s.Records()
	b.store = messages.NewStore(b.log, contents.LastStored)
	b.takeState(s.State(), &contents)
	return nil
}

// takeState takes in what a folder has. The caller holds b.mu.
func (b *Broker) takeState(state store.State, contents *store.Contents) {
	for name, t := range state.Topics {
		if name == headers.DefaultTopic && !b.cluster.cfg.autoCreate {
			continue
		}
		added := b.putTopicLocked(name, max(0, t.ReadQueues), max(0, t.WriteQueues), t.Perm)
		added.attributes, added.ordered, added.made = t.Attributes, t.Order, 0
	}
	for name, byID := range contents.Queues {
		t := b.topics[name]
		switch {
		case t != nil:
		case len(state.Topics) > 0 && !headers.IsSystemTopic(name): // real brokers do not list all of these
			continue // it was deleted
		default:
			n := contents.QueueCount(name)
			t = b.putTopicLocked(name, n, n, headers.PermRead|headers.PermWrite)
		}
		for id, q := range byID {
			q.Log = b.log
			t.queue(id).Queue = *q
		}
	}
	maps.Copy(b.configs, state.Groups)
	for q, offset := range state.Offsets {
		b.offsets.Commit(q, offset)
	}
	b.offsets.Save()
	b.pop.Restore()
	b.halves.Set(contents.OpenHalves(state.Offsets[keeper.Halves()]))
	for level := range len(b.cluster.cfg.delayLevels) {
		b.awaitFrom(headers.ScheduleTopic, int32(level), state.Delays[level+1], contents)
	}
	b.awaitFrom(headers.TimerTopic, timerQueue, state.Timers, contents)
	for _, t := range b.topics {
		for _, q := range t.queues {
			b.forget(q) // what waits is delivered all the same
		}
	}
}

// awaitFrom has the messages of a queue delivered that wait for their time, from an offset
// on. The caller holds b.mu.
func (b *Broker) awaitFrom(topic string, id int32, from int64, contents *store.Contents) {
	q := &b.topics[topic].look(id).Queue
	for offset := max(from, q.First); offset < q.Next(); offset++ {
		m, raw, ok := b.storedAt(q.Units[offset-q.First].Offset)
		if !ok || contents.Delivered(&m) {
			continue
		}
		d := delays.Delay{Level: int(id) + 1}
		if topic == headers.TimerTopic {
			if b.takeRecall(&m) {
				continue
			}
			d = delays.Delay{Out: delays.OutOf(m.Properties)}
		}
		b.keeper.Wait(topic, id, offset)
		b.atItsTime(d, &m, raw)
	}
}

// decide notes in the log that a half message is decided, so that nobody asks again once
// the broker was started anew. Without a folder there is no need. The caller holds b.mu.
func (b *Broker) decide(half int64) (w woken) {
	h, ok := b.halfAt(half)
	if b.keeper == nil || !ok {
		return w
	}
	m := h.StoredMessage
	m.Properties = headers.AppendProperty(nil, headers.PropertyTags, store.OpTag)
	m.Body = fmt.Appendf(nil, "%d,", m.QueueOffset)
	_, w, err := b.storeLocked(&m, store.OpTopic, keeper.Halves().ID)
	if err != nil {
		return woken{} // it is asked for again, after the next start
	}
	return w
}

// state is what is to be saved. The caller holds b.mu.
func (b *Broker) state() store.State {
	k := b.keeper
	s := store.State{
		Topics: make(map[string]settings.Topic), Groups: maps.Clone(b.configs),
		Offsets: b.offsets.All(), Delays: make(map[int]int64),
	}
	for name, t := range b.topics {
		s.Topics[name] = settings.Topic{ReadQueues: t.read, WriteQueues: t.write, Perm: t.perm, Order: t.ordered, Attributes: t.attributes}
	}
	half := b.topics[headers.HalfTopic].look(keeper.Halves().ID).Next()
	for _, offset := range b.halves.All() {
		if m, _, ok := b.storedAt(offset); ok {
			half = min(half, m.QueueOffset)
		}
	}
	s.Offsets[keeper.Halves()] = half
	k.Behind(s.Offsets, b.pop.Unacked())
	if t := b.topics[headers.ScheduleTopic]; t != nil {
		for id, q := range t.queues {
			s.Delays[int(id)+1] = k.NextOfLevel(headers.ScheduleTopic, id, len(b.cluster.cfg.delayLevels), &q.Queue)
		}
	}
	s.Timers = k.Next(headers.TimerTopic, timerQueue, &b.topics[headers.TimerTopic].look(timerQueue).Queue)
	return s
}

// save writes what has changed into the folder.
func (b *Broker) save() error {
	if b.keeper == nil {
		return nil
	}
	return b.keeper.Save(func() (store.State, int64) {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.state(), b.changes.Load()
	}, b.millis())
}

// saveChanges writes what has been changed of topics and groups.
func (b *Broker) saveChanges() error {
	if b.keeper == nil || b.keeper.Saved(b.changes.Load()) {
		return nil
	}
	return b.save()
}

// keepTopic has a topic saved before a message is stored in it, or to be put into it later:
// after a crash a topic that is not saved counts as deleted. It fails for one whose messages a
// folder cannot have.
func (b *Broker) keepTopic(t *topic) error {
	switch {
	case b.keeper == nil:
		return nil
	case len(t.name) > store.LongestTopic:
		return store.ErrLongTopic
	case b.keeper.Saved(t.made):
		return nil
	}
	return b.save()
}

// keepUp saves every few seconds, and removes old files, until the cluster closes. What
// fails is tried again.
func (b *Broker) keepUp() {
	b.cluster.timers.After(saveEvery, func() {
		_ = b.save()
		_ = b.keeper.Store.Clean(time.Now().Add(-keepFiles), b.cluster.cfg.maxBytes)
		b.mu.Lock()
		b.forgetDropped()
		b.mu.Unlock()
		b.keepUp()
	})
}

// closeFolder ends in good order: what a real broker reads of a folder is there.
func (b *Broker) closeFolder() error {
	if b.keeper == nil {
		return nil
	}
	return errors.Join(b.save(), b.keeper.Store.Close(b.hasTopic, delays.ByLevel(b.cluster.cfg.delayLevels)))
}

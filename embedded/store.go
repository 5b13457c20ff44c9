package embedded

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/messages"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

type (
	entry  = messages.Entry
	stored = messages.Stored
)

// put stores entries in a queue, all or none, in one go. It wakes those that wait for them.
// Until the write of the result is over they may be lost.
func (b *Broker) put(t *topic, queueID int32, entries []entry) (stored, error) {
	defer b.log.Go()
	return b.putUnwritten(t, queueID, entries)
}

// putUnwritten is put of entries that the caller has written, see whenStored.
func (b *Broker) putUnwritten(t *topic, queueID int32, entries []entry) (stored, error) {
	b.mu.Lock()
	s, w, err := b.placeLocked(t, queueID, entries)
	b.mu.Unlock()
	if err == nil {
		b.wake(w)
	}
	return s, err
}

// unansweredMost is how much may wait for the log while its connections go on, in bytes;
// besides its body each request counts for unansweredEach.
const (
	unansweredMost = 64 << 20
	unansweredEach = 1 << 10
)

// whenStored answers a send when its message is stored, or the disk takes too long, which one
// that is hasty does not wait for (WAIT=false). done is called when the message is where it is
// to be, and may be nil. The connection goes on meanwhile, so that messages which came by one
// connection share a write, and has them written when it has read all that has come.
func (b *Broker) whenStored(rq *request, w store.Write, hasty bool, made func() answer, done func()) answer {
	s := messages.Sending[answer]{Write: w, Answer: made, Stored: done, Failed: notStored, Unsynced: func(a answer) answer { a.code = headers.FlushDiskTimeout; return a }}
	if !hasty {
		s.Patience = b.cluster.cfg.syncFlushTimeout
	}
	if w.Done() {
		return s.Ended(nil)
	}
	if !rq.goesOn || b.unanswered.Load() >= unansweredMost {
		b.log.Go()
		return s.Await()
	}
	size := int64(len(rq.cmd.Body) + unansweredEach)
	b.unanswered.Add(size)
	rq.conn.unwritten = true
	r := rq.reply()
	s.Then(func(a answer) {
		b.unanswered.Add(-size)
		r.conn.send(r, a)
		r.conn.FlushLater()
	})
	return answer{none: true}
}

// insist is put for a message that nobody sends again: until it is stored, it is tried
// every second. Then stored is called, or when its topic is gone.
func (b *Broker) insist(t *topic, queueID int32, e entry, stored func()) {
	s, err := b.put(t, queueID, []entry{e})
	if err == nil {
		err = s.Write.Wait()
	}
	if err != nil && !errors.Is(err, store.ErrNoTopic) {
		b.insistLater(t, queueID, e, stored)
		return
	}
	stored()
}

func (b *Broker) insistLater(t *topic, queueID int32, e entry, stored func()) {
	b.cluster.timers.After(time.Second, func() { b.insist(t, queueID, e, stored) })
}

// moved is [keeper.Keeper.Moved] for who does not hold b.mu.
func (b *Broker) moved(q offsets.Queue, offset int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keeper.Moved(q, offset)
}

// woken are requests that waited for a message, which has come.
type woken struct {
	polls  []*poll
	parked []*parked
	writes []pendingWrite
}

// pendingWrite is a message on its way into the log, and what is to be done when it is stored,
// and if it is not.
type pendingWrite struct {
	write          store.Write
	err            error
	stored, failed func()
}

func (w *woken) add(other woken) {
	w.polls = append(w.polls, other.polls...)
	w.parked = append(w.parked, other.parked...)
	w.writes = append(w.writes, other.writes...)
}

// wake works on the requests that waited for a message, and tells those who watch the
// store.
func (b *Broker) wake(w woken) {
	for _, p := range w.polls {
		p.finish(b)
	}
	b.resume(w.parked)
	b.cluster.watchers.Changed()
	for _, one := range w.writes {
		if one.err != nil || one.write.Wait() != nil {
			one.failed()
		} else {
			one.stored()
		}
	}
}

// putLocked gives entries their places. What becomes of them, the write of the result tells.
// The caller holds b.mu, and wakes without it.
func (b *Broker) putLocked(t *topic, queueID int32, entries []entry) (stored, woken, error) {
	defer b.log.Go()
	return b.placeLocked(t, queueID, entries)
}

// placeLocked is putLocked of entries that the caller has written. A topic that was deleted
// meanwhile gets nothing: it may have been made again.
func (b *Broker) placeLocked(t *topic, queueID int32, entries []entry) (stored, woken, error) {
	if b.topics[t.name] != t {
		return stored{}, woken{}, store.ErrNoTopic
	}
	s, err := b.store.Put(t.name, queueID, &t.queue(queueID).Queue, entries, b.millis())
	var w woken
	if err == nil && s.Write.Done() {
		w = b.arrive(messages.All)
	}
	return s, w, err
}

// arrive brings messages in sight whose records lie below an offset of the log. The caller
// holds b.mu.
func (b *Broker) arrive(end int64) (w woken) {
	b.store.Arrive(end, func(a *messages.Arrival) {
		if q := b.topics[a.Topic].look(a.QueueID); q != nil {
			b.forget(q)
			w.polls = append(w.polls, q.wake(a.Passes)...)
		}
		b.counts.Put(a.Topic, 1, headers.IsSystemTopic(a.Topic), b.millis())
		w.parked = append(w.parked, b.pops.Arrived(a.Topic, a.QueueID, a.Passes)...)
		w.parked = append(w.parked, b.notices.Arrived(a.Topic, a.QueueID, a.Passes)...)
	})
	return w
}

// written is called by the log when it has what lies below an offset.
func (b *Broker) written(end int64) {
	b.mu.Lock()
	w := b.arrive(end)
	b.mu.Unlock()
	b.wake(w)
}

// lost is called by the log when what lies from an offset on will never be there.
func (b *Broker) lost(from int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.store.Lose(from)
}

// notStored is the answer to a request whose message could not be stored.
func notStored(err error) answer { return refuseSend(store.Refusal(err)) }

// forget drops the messages of q beyond its retention, and of all queues those that the
// log has dropped. The caller holds b.mu.
func (b *Broker) forget(q *queue) {
	if keep := b.cluster.cfg.retention; keep > 0 && len(q.Units) > keep {
		q.Drop(len(q.Units) - keep)
	}
	b.forgetDropped()
}

// forgetDropped drops the messages of all queues that the log has dropped. The caller holds
// b.mu.
func (b *Broker) forgetDropped() {
	first, yes := b.store.Dropped()
	if !yes {
		return
	}
	for _, t := range b.topics {
		for _, q := range t.queues {
			q.DropBelow(first)
		}
	}
}

// storedAt returns the message that begins at an offset of the log. One that its queue has
// dropped, or whose topic was deleted, is not there. The caller holds b.mu.
func (b *Broker) storedAt(offset int64) (m body.StoredMessage, raw []byte, ok bool) {
	m, raw, ok = b.store.At(offset)
	if !ok {
		return m, nil, false
	}
	t, hidden := b.topics[m.Topic], m.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagPrepared
	return m, raw, t != nil && t.look(m.QueueID).Keeps(m.QueueOffset, offset, hidden)
}

// messages decodes all that a broker has of a topic, by queue and offset.
func (b *Broker) messages(name string) []Message { return b.decode(b.raws(name)) }

// raws are all messages of a topic, by queue and offset.
func (b *Broker) raws(name string) (raws [][]byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[name]; t != nil {
		for _, id := range t.queueIDs() {
			raws = t.queues[id].AppendRaws(raws)
		}
	}
	return raws
}

// decode passes over what is no message.
func (b *Broker) decode(raws [][]byte) []Message {
	list := make([]Message, 0, len(raws))
	for _, raw := range raws {
		if m, _, err := body.ParseStored(raw); err == nil {
			list = append(list, newMessage(b.name, &m))
		}
	}
	return list
}

// stored counts what a topic has ever got, dropped messages included.
func (b *Broker) stored(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	if t := b.topics[name]; t != nil {
		for _, q := range t.queues {
			n += int(q.Next())
		}
	}
	return n
}

func (t *topic) queueIDs() []int32 { return slices.Sorted(maps.Keys(t.queues)) }

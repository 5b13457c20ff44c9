package embedded

import (
	"errors"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keeper"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/transactions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// openHalf notes that the half message at a commit-log offset waits for the end
// of its transaction.
func (b *Broker) openHalf(offset int64) {
	b.mu.Lock()
	b.halves.Add(offset)
	b.mu.Unlock()
	b.armChecks()
}

// armChecks has the next round of checks begin at the next multiple of the
// interval since the start of the cluster, if there is anything to check.
func (b *Broker) armChecks() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.halves.Armed || b.halves.Len() == 0 {
		return
	}
	b.halves.Armed = true
	every := b.cluster.cfg.transactionCheck.Interval
	b.cluster.timers.After(every-b.cluster.timers.Now().Sub(b.cluster.started)%every, func() {
		if b.Running() {
			b.checkHalves(false)
		}
		b.mu.Lock()
		b.halves.Armed = false
		b.mu.Unlock()
		b.armChecks()
	})
}

// CheckTransactions checks every half message that is not decided, as if its time
// had come: the broker writes it anew and asks a producer of its group, or drops
// it into TRANS_CHECK_MAX_TIME_TOPIC if it was checked too often. It returns the
// number of producers that were asked; their answers come later. A group whose
// first heartbeat has not arrived yet has nobody to ask, which counts as a check
// all the same: see AwaitProducer.
func (b *Broker) CheckTransactions() int { return b.checkHalves(true) }

func (b *Broker) checkHalves(now bool) int {
	b.mu.Lock()
	open := b.halves.All()
	b.mu.Unlock()
	asked := 0
	for _, offset := range open {
		if b.checkHalf(offset, now) {
			asked++
		}
	}
	return asked
}

// checkHalf checks one half message (TransactionalMessageServiceImpl.check of
// 5.5.0). It reports whether a producer was asked.
func (b *Broker) checkHalf(offset int64, now bool) bool {
	check, five := b.cluster.cfg.transactionCheck, b.cluster.behaviour.Five
	b.mu.Lock()
	if !b.halves.Has(offset) {
		b.mu.Unlock()
		return false // decided meanwhile
	}
	m, ok := b.halfAt(offset)
	if !ok {
		b.halves.Dropped(offset, b.log.End()) // by retention
		b.mu.Unlock()
		return false
	}
	discarded := m.Checks() >= check.Most
	var s stored
	var w woken
	var err error
	switch {
	case discarded:
		s, w, err = b.storeLocked(&m.StoredMessage, headers.CheckMaxTimeTopic, 0)
	case !now && m.Immune(check, b.millis()):
		b.mu.Unlock()
		return false
	default:
		m.Checked(five)
		s, w, err = b.storeLocked(&m.StoredMessage, headers.HalfTopic, 0)
	}
	if err != nil {
		b.mu.Unlock()
		return false // no room for the count: it stays as it is, as on a real broker
	}
	if discarded {
		w.add(b.decide(offset))
	}
	before := m.QueueOffset
	b.keeper.Move(keeper.Halves(), before)
	b.halves.Remove(offset)
	if !discarded {
		b.halves.Add(s.LogOffsets[0])
		m.QueueOffset, m.CommitLogOffset = s.FirstOffset, s.LogOffsets[0]
	}
	var producer *conn
	if members := b.producers.Members(m.Group()); len(members) > 0 {
		producer = members[b.halves.Turn(len(members))].Conn
	}
	b.mu.Unlock()
	b.wake(w)
	defer b.moved(keeper.Halves(), before)
	if s.Write.Wait() != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.halves.Remove(s.LogOffsets[0])
		b.halves.Add(offset)
		return false // it is checked again
	}
	if discarded || producer == nil {
		return false
	}
	question, raw, err := m.Question(b.name, b.millis(), five)
	return err == nil && producer.Push(&question, raw)
}

// halfAt decodes the half message at a commit-log offset. The caller holds b.mu.
func (b *Broker) halfAt(offset int64) (h transactions.Half, ok bool) {
	m, _, ok := b.storedAt(offset)
	if !ok {
		return h, false
	}
	return transactions.Of(&m)
}

// storeLocked stores m, with its properties, in a queue of that topic, which is
// made if need be. It fails if the properties have become too long. The caller
// holds b.mu.
func (b *Broker) storeLocked(m *body.StoredMessage, name string, queueID int32) (stored, woken, error) {
	t := b.topics[name]
	if t == nil {
		t = b.putTopicLocked(name, 1, 1, headers.PermRead|headers.PermWrite)
	}
	moved := *m
	moved.Topic, moved.QueueID = name, queueID
	raw, err := body.AppendStored(make([]byte, 0, moved.Size()), &moved)
	if err != nil {
		return stored{}, woken{}, err
	}
	return b.putLocked(t, queueID, []entry{{Raw: raw, TagHash: tags.HashOf(m.Properties)}})
}

// endTransaction answers END_TRANSACTION (EndTransactionProcessor of 5.5.0). What
// was decided before does not matter: a half message that is committed twice is
// delivered twice.
func (b *Broker) endTransaction(rq *request) answer {
	h, err := headers.ParseEndTransaction(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if h.End != headers.TransactionCommit && h.End != headers.TransactionRollback {
		return answer{none: true}
	}
	five := b.cluster.behaviour.Five
	b.mu.Lock()
	m, ok := b.halfAt(h.CommitLogOffset)
	code, remark := headers.SystemError, "Find prepared transaction message failed"
	if ok {
		code, remark = m.Fault(&h, b.cluster.cfg.transactionCheck, b.millis(), five)
	}
	if code != headers.Success {
		b.mu.Unlock()
		return refuse(code, remark)
	}
	if h.End == headers.TransactionRollback {
		w := b.decide(h.CommitLogOffset)
		b.halves.Remove(h.CommitLogOffset)
		b.mu.Unlock()
		b.wake(w)
		return answer{remark: noCode}
	}
	topic, queueID := m.Target()
	m.Commit(h.CommitLogOffset, five)
	s, w, err := b.storeLocked(&m.StoredMessage, topic, queueID)
	if err == nil {
		w.add(b.decide(h.CommitLogOffset))
		b.halves.Remove(h.CommitLogOffset)
		b.keeper.Move(keeper.Halves(), m.QueueOffset)
	}
	b.mu.Unlock()
	switch {
	case errors.Is(err, headers.ErrTooLarge):
		return refuse(headers.MessageIllegal, b.tooLarge().remark)
	case err != nil:
		return notStored(err)
	}
	b.wake(w)
	s.Write.Then(0, nil, func(err error) {
		if err != nil {
			b.openHalf(h.CommitLogOffset) // it is as it was
		}
		b.moved(keeper.Halves(), m.QueueOffset)
	})
	if err := s.Write.WaitFor(b.cluster.cfg.syncFlushTimeout); err != nil && !errors.Is(err, store.ErrUnsynced) {
		return notStored(err)
	}
	return answer{}
}

package embedded

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// transactionCheck is when a broker asks producers about half messages that
// nobody has decided.
type transactionCheck struct {
	timeout  time.Duration // the least age of a half message
	interval time.Duration // between two rounds
	most     int           // checks of one message
}

// defaultTransactionCheck is that of BrokerConfig of 5.5.0: transactionTimeOut,
// transactionCheckInterval and transactionCheckMax.
var defaultTransactionCheck = transactionCheck{timeout: 6 * time.Second, interval: 30 * time.Second, most: 15}

// halves are the half messages of a broker that are not decided yet. The
// broker's mu guards them.
type halves struct {
	offsets []int64 // in the commit log, the oldest first
	armed   bool    // a round of checks is to come
	turn    int     // of the producers of a group
}

func (h *halves) remove(offset int64) {
	if at := slices.Index(h.offsets, offset); at >= 0 {
		h.offsets = slices.Delete(h.offsets, at, at+1)
	}
}

// openHalf notes that the half message at a commit-log offset waits for the end
// of its transaction.
func (b *Broker) openHalf(offset int64) {
	b.mu.Lock()
	b.halves.offsets = append(b.halves.offsets, offset)
	b.mu.Unlock()
	b.armChecks()
}

// armChecks has the next round of checks begin at the next multiple of the
// interval since the start of the cluster, if there is anything to check.
func (b *Broker) armChecks() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.halves.armed || len(b.halves.offsets) == 0 {
		return
	}
	b.halves.armed = true
	every := b.cluster.cfg.transactionCheck.interval
	b.cluster.timers.After(every-b.cluster.timers.Now().Sub(b.cluster.started)%every, func() {
		if b.Running() {
			b.checkHalves(false)
		}
		b.mu.Lock()
		b.halves.armed = false
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
	open := slices.Clone(b.halves.offsets)
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
	b.mu.Lock()
	if !slices.Contains(b.halves.offsets, offset) {
		b.mu.Unlock()
		return false // decided meanwhile
	}
	m, set, ok := b.halfAt(offset)
	if !ok {
		b.halves.remove(offset) // retention has dropped it
		b.mu.Unlock()
		return false
	}
	checks, _ := strconv.Atoi(string(set.Get(headers.PropertyCheckTimes)))
	discarded := checks >= b.cluster.cfg.transactionCheck.most
	var s stored
	var w woken
	var err error
	switch {
	case discarded:
		_, w, err = b.storeLocked(&m, headers.CheckMaxTimeTopic, 0)
	case !now && b.cluster.timers.Now().UnixMilli()-m.BornTimestamp <= b.immunity(&set).Milliseconds():
		b.mu.Unlock()
		return false
	default:
		set.Set(headers.PropertyCheckTimes, strconv.Itoa(checks+1))
		m.Properties = set.Append(nil, b.cluster.behaviour.five)
		s, w, err = b.storeLocked(&m, headers.HalfTopic, 0)
	}
	if err != nil {
		b.mu.Unlock()
		return false // no room for the count: it stays as it is, as on a real broker
	}
	b.halves.remove(offset)
	if !discarded {
		b.halves.offsets = append(b.halves.offsets, s.logOffsets[0])
		m.QueueOffset, m.CommitLogOffset = s.firstOffset, s.logOffsets[0]
	}
	producer := b.anyProducer(string(set.Get(headers.PropertyProducerGroup)))
	b.mu.Unlock()
	b.wake(w)
	if discarded || producer == nil {
		return false
	}
	return b.pushCheck(producer, &m, &set)
}

// halfAt decodes the half message at a commit-log offset into memory of its own.
// The caller holds b.mu.
func (b *Broker) halfAt(offset int64) (m body.StoredMessage, set properties.Set, ok bool) {
	at, found := b.logIndex(offset)
	if !found || b.log[at].raw == nil {
		return m, set, false
	}
	m, _, err := body.ParseStored(b.log[at].raw)
	if err != nil || m.Topic != headers.HalfTopic {
		return m, set, false
	}
	set.Parse(m.Properties, nil)
	return m, set, true
}

// immunity is how old a half message has to be to be checked
// (TransactionalMessageServiceImpl.getImmunityTime of 5.5.0).
func (b *Broker) immunity(set *properties.Set) time.Duration {
	seconds, err := strconv.ParseInt(string(set.Get(headers.PropertyCheckImmunity)), 10, 32)
	if err != nil || seconds == -1 {
		return b.cluster.cfg.transactionCheck.timeout
	}
	return time.Duration(seconds) * time.Second
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
	s, w := b.putLocked(t, queueID, []entry{{raw: raw, tagHash: tags.HashOf(m.Properties)}})
	return s, w, nil
}

// anyProducer takes turns among the producers of a group
// (ProducerManager.getAvailableChannel). The caller holds b.mu.
func (b *Broker) anyProducer(group string) *conn {
	members := b.producers[group]
	if len(members) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(members))
	b.halves.turn++
	return members[ids[b.halves.turn%len(ids)]].conn
}

// pushCheck asks a producer about a half message
// (AbstractTransactionalMessageCheckListener.sendCheckMessage of 5.5.0).
func (b *Broker) pushCheck(producer *conn, m *body.StoredMessage, set *properties.Set) bool {
	id := string(set.Get(headers.PropertyUniqueKey))
	h := headers.CheckTransaction{
		StateTableOffset: m.QueueOffset,
		CommitLogOffset:  m.CommitLogOffset,
		MessageID:        id,
		TransactionID:    id,
		OffsetMessageID:  body.OffsetMessageID(m.StoreHost, m.CommitLogOffset),
	}
	if b.cluster.behaviour.five {
		h.Topic, h.BrokerName = headers.HalfTopic, b.name
	}
	asked := *m
	asked.Topic = string(set.Get(headers.PropertyRealTopic))
	asked.QueueID = realQueue(set)
	raw, err := body.AppendStored(make([]byte, 0, asked.Size()), &asked)
	if err != nil {
		return false
	}
	place := body.Place{QueueOffset: m.QueueOffset, CommitLogOffset: m.CommitLogOffset, StoreTimestamp: b.cluster.timers.Now().UnixMilli()}
	if err := body.SetPlace(raw, place); err != nil {
		return false
	}
	return producer.push(&h, raw)
}

func realQueue(set *properties.Set) int32 {
	id, _ := strconv.ParseInt(string(set.Get(headers.PropertyRealQueue)), 10, 32)
	return int32(id)
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
	b.mu.Lock()
	m, set, ok := b.halfAt(h.CommitLogOffset)
	if a, bad := b.endFault(&h, &m, &set, ok); bad {
		b.mu.Unlock()
		return a
	}
	if h.End == headers.TransactionRollback {
		b.halves.remove(h.CommitLogOffset)
		b.mu.Unlock()
		return answer{remark: noCode}
	}
	topic, queueID := string(set.Get(headers.PropertyRealTopic)), realQueue(&set)
	if b.cluster.behaviour.five {
		set.Remove(headers.PropertyRealTopic)
		set.Remove(headers.PropertyRealQueue)
	}
	m.Properties = set.Append(nil, b.cluster.behaviour.five)
	m.SysFlag = m.SysFlag&^headers.SysFlagTransactionMask | headers.SysFlagCommit
	m.PreparedOffset = h.CommitLogOffset
	_, w, err := b.storeLocked(&m, topic, queueID)
	if err == nil {
		b.halves.remove(h.CommitLogOffset)
	}
	b.mu.Unlock()
	if err != nil {
		return refuse(headers.MessageIllegal, b.tooLarge().remark)
	}
	b.wake(w)
	return answer{}
}

// endFault says why a transaction cannot be ended. The caller holds b.mu.
func (b *Broker) endFault(h *headers.EndTransaction, m *body.StoredMessage, set *properties.Set, found bool) (answer, bool) {
	age := b.cluster.timers.Now().UnixMilli() - m.BornTimestamp
	// TransactionalMessageUtil.getImmunityTime of 5.5.0 has a least time.
	immune := max(b.immunity(set), b.cluster.cfg.transactionCheck.timeout).Milliseconds()
	switch {
	case !found:
		return refuse(headers.SystemError, "Find prepared transaction message failed"), true
	case b.cluster.behaviour.five && !h.FromCheck && set.Get(headers.PropertyCheckImmunity) != nil && age > immune:
		return refuse(headers.IllegalOperation, "Message commit fail, wait check"), true
	case string(set.Get(headers.PropertyProducerGroup)) != h.ProducerGroup:
		return refuse(headers.SystemError, "The producer group wrong"), true
	case m.QueueOffset != h.StateTableOffset:
		return refuse(headers.SystemError, "The transaction state table offset wrong"), true
	}
	return answer{}, false
}

// Package transactions is the rules of half messages: which wait for a decision, when
// producers are asked, and what becomes of a message that is committed.
package transactions

import (
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

const propertyTransaction = "__transactionId__"

// Half is a half message, with its properties taken apart.
type Half struct {
	body.StoredMessage
	Set properties.Set
}

// Of is the half message m. It is not ok if m is another one.
func Of(m *body.StoredMessage) (h Half, ok bool) {
	h.StoredMessage = *m
	if m.Topic != headers.HalfTopic {
		return h, false
	}
	h.Set.Parse(m.Properties, nil)
	return h, true
}

// Prepare turns a message into a half message, which waits in a topic of its own for the
// end of its transaction (TransactionalMessageBridge.parseHalfMessageInner).
func Prepare(m *body.StoredMessage, set *properties.Set, uniqueKey string, five bool) {
	if five && uniqueKey != "" {
		set.Set(propertyTransaction, uniqueKey)
	}
	set.Set(headers.PropertyRealTopic, m.Topic)
	set.Set(headers.PropertyRealQueue, strconv.Itoa(int(m.QueueID)))
	m.SysFlag &^= headers.SysFlagTransactionMask
	m.Topic, m.QueueID = headers.HalfTopic, 0
}

// Group is the group of its producer.
func (h *Half) Group() string { return string(h.Set.Get(headers.PropertyProducerGroup)) }

// Target is where it goes when it is committed.
func (h *Half) Target() (topic string, queueID int32) {
	id, _ := strconv.ParseInt(string(h.Set.Get(headers.PropertyRealQueue)), 10, 32)
	return string(h.Set.Get(headers.PropertyRealTopic)), int32(id)
}

// Checks is how often its producer was asked.
func (h *Half) Checks() int {
	checks, _ := strconv.Atoi(string(h.Set.Get(headers.PropertyCheckTimes)))
	return checks
}

// Immune reports whether it is too young to be checked at a time.
func (h *Half) Immune(c Check, nowInMilli int64) bool {
	return nowInMilli-h.BornTimestamp <= c.immunity(&h.Set).Milliseconds()
}

// Checked notes one more check.
func (h *Half) Checked(five bool) {
	h.Set.Set(headers.PropertyCheckTimes, strconv.Itoa(h.Checks()+1))
	h.Properties = h.Set.Append(nil, five)
}

// Commit turns it into the message that consumers get. offset is that of the half message
// in the log.
func (h *Half) Commit(offset int64, five bool) {
	if five {
		h.Set.Remove(headers.PropertyRealTopic)
		h.Set.Remove(headers.PropertyRealQueue)
	}
	h.Properties = h.Set.Append(nil, five)
	h.SysFlag = h.SysFlag&^headers.SysFlagTransactionMask | headers.SysFlagCommit
	h.PreparedOffset = offset
}

// Question is what a producer is asked about it
// (AbstractTransactionalMessageCheckListener.sendCheckMessage of 5.5.0).
func (h *Half) Question(brokerName string, nowInMilli int64, five bool) (q headers.CheckTransaction, raw []byte, err error) {
	id := string(h.Set.Get(headers.PropertyUniqueKey))
	q = headers.CheckTransaction{
		StateTableOffset: h.QueueOffset,
		CommitLogOffset:  h.CommitLogOffset,
		MessageID:        id,
		TransactionID:    id,
		OffsetMessageID:  body.OffsetMessageID(h.StoreHost, h.CommitLogOffset),
	}
	if five {
		q.Topic, q.BrokerName = headers.HalfTopic, brokerName
	}
	asked := h.StoredMessage
	asked.Topic, asked.QueueID = h.Target()
	h.Set.Set(headers.PropertyWait, "false") // of the copy with the count, whose properties are the same map
	asked.Properties = h.Set.Append(nil, five)
	if raw, err = body.AppendStored(make([]byte, 0, asked.Size()), &asked); err != nil {
		return q, nil, err
	}
	return q, raw, body.SetPlace(raw, body.Place{QueueOffset: h.QueueOffset, CommitLogOffset: h.CommitLogOffset, StoreTimestamp: nowInMilli})
}

// Fault says why a transaction cannot be ended, "" if it can (EndTransactionProcessor of
// 5.5.0).
func (h *Half) Fault(end *headers.EndTransaction, c Check, nowInMilli int64, five bool) (headers.ResponseCode, string) {
	age := nowInMilli - h.BornTimestamp
	// TransactionalMessageUtil.getImmunityTime of 5.5.0 has a least time.
	immune := max(c.immunity(&h.Set), c.Timeout).Milliseconds()
	switch {
	case five && !end.FromCheck && h.Set.Get(headers.PropertyCheckImmunity) != nil && age > immune:
		return headers.IllegalOperation, "Message commit fail, wait check"
	case h.Group() != end.ProducerGroup:
		return headers.SystemError, "The producer group wrong"
	case h.QueueOffset != end.StateTableOffset:
		return headers.SystemError, "The transaction state table offset wrong"
	}
	return headers.Success, ""
}

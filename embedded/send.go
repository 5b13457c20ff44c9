package embedded

import (
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sends"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/transactions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

const propertyInnerNumber = "INNER_NUM"

// refuseSend is the answer to a send that passed the first checks.
func refuseSend(code headers.ResponseCode, remark string) answer {
	return answer{code: code, remark: remark, fields: fields.Send{}}
}

// sendMessage answers the send requests (SendMessageProcessor and
// AbstractSendMessageProcessor of 4.9.7 and 5.5.0).
func (b *Broker) sendMessage(rq *request) answer {
	h, t, refusal := b.acceptSend(rq)
	if t == nil {
		return refusal
	}
	if h.Batch {
		return b.storeBatch(rq, &h, t)
	}
	if dead := b.deadLetter(&h); dead != nil {
		if err := b.keepTopic(dead); err != nil {
			return notStored(err)
		}
		t = dead
	}
	return b.storeSingle(rq, &h, t)
}

// acceptSend reads a send and finds its topic and queue, or returns the refusal.
func (b *Broker) acceptSend(rq *request) (h headers.SendMessage, t *topic, refusal answer) {
	h, err := headers.ParseSendMessage(&rq.cmd)
	if err != nil {
		return h, nil, refuse(headers.SystemError, err.Error())
	}
	if name := fields.MissingInSend(&rq.cmd, &h); name != "" {
		return h, nil, refuse(headers.SystemError, "java.lang.NullPointerException: the send request has no field "+name)
	}
	if b.cluster.behaviour.Five && len(rq.cmd.Body) == 0 {
		return h, nil, refuse(headers.SystemError, "java.lang.NullPointerException: the send request has no body")
	}
	if t, refusal = b.checkSend(rq, &h); t == nil {
		return h, nil, refusal
	}
	if err := b.keepTopic(t); err != nil {
		return h, nil, notStored(err)
	}
	if h.QueueID < 0 {
		h.QueueID = b.anyQueue(t)
	}
	return h, t, refusal
}

// checkSend finds the topic of a send, or returns the refusal (msgCheck).
func (b *Broker) checkSend(rq *request, h *headers.SendMessage) (*topic, answer) {
	v := &b.cluster.behaviour
	if fault := names.Fault(h.Topic); fault != "" {
		return nil, refuseSend(v.BadParameter, fault)
	}
	if names.IsClosed(h.Topic) {
		return nil, refuseSend(headers.NoPermission, "Sending message to topic["+h.Topic+"] is forbidden.")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !hasRoom(b.topics, h.Topic) {
		return nil, full("topics")
	}
	t := b.topicForSend(h)
	if t == nil {
		return nil, refuseSend(headers.TopicNotExist, "topic["+h.Topic+"] not exist, apply first please!"+v.FAQ())
	}
	if int(h.QueueID) >= max(t.read, t.write) {
		return nil, refuseSend(v.BadParameter, fmt.Sprintf("request queueId[%d] is illegal, %s Producer: %s", h.QueueID, t.describe(v.Five), rq.conn.RemoteText))
	}
	if fault := b.orderFault(t); fault != "" {
		return nil, refuseSend(headers.NoPermission, fault)
	}
	if fault := b.diskFault(); fault != "" {
		return nil, refuseSend(headers.ServiceNotAvailable, fault)
	}
	return t, answer{}
}

// anyQueue picks a queue for a send that leaves it to the broker. Real brokers
// draw lots; this one takes turns, for tests to be repeatable.
func (b *Broker) anyQueue(t *topic) int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
	return int32(b.turn % max(1, t.write))
}

func (b *Broker) tooLarge() answer {
	return refuseSend(headers.MessageIllegal, fmt.Sprintf(
		"the message is illegal, maybe msg body or properties length not matched. msg body length limit %dB, msg properties length limit 32KB.",
		b.cluster.cfg.maxMessageSize))
}

// storeSingle stores a send that is no batch.
func (b *Broker) storeSingle(rq *request, h *headers.SendMessage, t *topic) answer {
	v := &b.cluster.behaviour
	var room [properties.IndexedFrom]properties.Entry
	var set properties.Set
	set.Parse(h.Properties, room[:0])
	hasty := sends.IsHasty(&set)
	uniqueKey := sends.Rewrite(&set, b.cluster.cfg.version, clusterName, b.newUniqueKey)
	wait, refusal := b.delayRules().Of(&set)
	switch {
	case refusal == nil:
	case refusal.Checked:
		return refuseSend(refusal.Code, refusal.Remark)
	default:
		return refuse(refusal.Code, refusal.Remark)
	}
	if v.Five && set.Get(propertyInnerNumber) != nil {
		return b.tooLarge()
	}
	m := body.StoredMessage{
		Topic: h.Topic, QueueID: h.QueueID, Flag: h.Flag, SysFlag: h.SysFlag,
		BornTimestamp: h.BornTimestamp, BornHost: rq.conn.Remote, StoreHost: b.host(),
		ReconsumeTimes: h.ReconsumeTimes, Body: rq.cmd.Body,
	}
	var e entry
	target, half := t, false
	switch {
	case strings.EqualFold(string(set.Get(headers.PropertyTransaction)), "true"):
		if !wait.IsZero() {
			return refuse(headers.SystemError, "embedded broker: half messages with a delay are not modelled")
		}
		target, half = b.prepare(&m, &set, uniqueKey), true
		e.Arrived = func(at, _ int64) { b.halves.Add(at) }
	case h.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagPrepared,
		h.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagRollback:
		// Neither a half message nor an ordinary one: the log has it and no queue.
		e.Hidden, wait = true, delays.Delay{}
	case !wait.IsZero():
		target = b.park(&m, &set, wait)
		e.Arrived = func(_, offset int64) { b.keeper.Wait(m.Topic, m.QueueID, offset) }
	}
	e.TagHash = headers.HashCode(string(set.Get(headers.PropertyTags)))
	m.Properties = set.Append(make([]byte, 0, len(h.Properties)+128), v.Five)
	if len(m.Properties) > headers.MaxPropertiesSize || len(m.Body) > b.cluster.cfg.maxMessageSize {
		return b.tooLarge()
	}
	raw, err := body.AppendStored(make([]byte, 0, m.Size()), &m)
	if err != nil {
		return b.tooLarge()
	}
	e.Raw = raw
	s, err := b.putUnwritten(target, m.QueueID, []entry{e})
	if err != nil {
		return notStored(err)
	}
	topic, queueID := h.Topic, h.QueueID
	return b.whenStored(rq, s.Write, hasty, func() answer {
		result := &headers.SendResult{
			OffsetMessageID: body.OffsetMessageID(m.StoreHost, s.LogOffsets[0]),
			QueueID:         queueID,
			QueueOffset:     s.FirstOffset,
			RecallHandle:    wait.RecallHandle(topic, b.name, uniqueKey, v.Version),
		}
		if v.Five {
			result.TransactionID = uniqueKey
		}
		return answer{fields: fields.Send{Result: result}}
	}, func() {
		switch {
		case half:
			b.armChecks()
		case !wait.IsZero():
			b.awaitDelay(wait, e.Raw)
		}
	})
}

// newUniqueKey makes the unique key of a message that has none.
func (b *Broker) newUniqueKey() string {
	host := b.host()
	b.mu.Lock()
	b.keys++
	n := b.keys
	b.mu.Unlock()
	return properties.UniqueKey(host, b.millis(), n)
}

// prepare turns m into a half message, and returns the topic that it waits in.
func (b *Broker) prepare(m *body.StoredMessage, set *properties.Set, uniqueKey string) *topic {
	transactions.Prepare(m, set, uniqueKey, b.cluster.behaviour.Five)
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[headers.HalfTopic]; t != nil {
		return t
	}
	return b.putTopicLocked(headers.HalfTopic, 1, 1, headers.PermRead|headers.PermWrite)
}

// storeBatch stores the messages of a batch, all or none. The request's system flag goes to
// each of them, and before 5.4.0 its properties as well.
func (b *Broker) storeBatch(rq *request, h *headers.SendMessage, t *topic) answer {
	v := &b.cluster.behaviour
	if strings.HasPrefix(h.Topic, headers.RetryTopicPrefix) {
		return refuseSend(headers.MessageIllegal, "batch request does not support retry group "+h.Topic)
	}
	var set properties.Set
	set.Parse(h.Properties, nil)
	switch level, err := delays.Level(&set); {
	case err != nil:
		return refuse(headers.SystemError, err.Error())
	case level > 0:
		return b.tooLarge()
	}
	if len(rq.cmd.Body) > b.cluster.cfg.maxMessageSize {
		if v.Five {
			return refuse(headers.SystemError, "java.lang.RuntimeException: message body size exceeded")
		}
		return b.tooLarge()
	}
	hasty, scratch := sends.IsHasty(&set), new([]byte)
	if rq.goesOn { // in the connection's goroutine
		scratch = &rq.conn.records
	}
	result := &headers.SendResult{QueueID: h.QueueID}
	if v.Five {
		result.TransactionID = string(set.Get(headers.PropertyUniqueKey))
	}
	entries, err := sends.Batch(rq.cmd.Body, body.StoredMessage{
		Topic: h.Topic, QueueID: h.QueueID, SysFlag: h.SysFlag, BornTimestamp: h.BornTimestamp, BornHost: rq.conn.Remote, StoreHost: b.host(),
		ReconsumeTimes: h.ReconsumeTimes,
	}, sends.BatchProperties(&set, b.cluster.cfg.version, clusterName), scratch)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if len(entries) == 0 { // 4.9 without a body
		return refuse(headers.SystemError, "java.lang.NullPointerException: the batch has no body")
	}
	s, err := b.putUnwritten(t, h.QueueID, entries)
	if err != nil {
		return notStored(err)
	}
	result.QueueOffset, result.OffsetMessageID = s.FirstOffset, body.OffsetMessageIDs(b.host(), s.LogOffsets)
	return b.whenStored(rq, s.Write, hasty, func() answer { return answer{fields: fields.Send{Result: result}} }, nil)
}

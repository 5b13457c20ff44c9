package embedded

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

const (
	region = "DefaultRegion"

	propertyRegion      = "MSG_REGION"
	propertyTrace       = "TRACE_ON"
	propertyCluster     = "CLUSTER"
	propertyPopCheck    = "POP_CK"
	propertyInnerNumber = "INNER_NUM"
	propertyTransaction = "__transactionId__"
)

func isSend(code headers.RequestCode) bool {
	switch code {
	case headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage:
		return true
	}
	return false
}

// sendFields are the ext fields of an answer to a send. A refusal has the first
// two only.
type sendFields struct{ result *headers.SendResult }

// AppendFields appends the fields.
func (f sendFields) AppendFields(dst []byte, s headers.Serialization) []byte {
	dst = headers.AppendField(dst, s, propertyRegion, region)
	dst = headers.AppendField(dst, s, propertyTrace, "true")
	if f.result != nil {
		dst = f.result.AppendFields(dst, s)
	}
	return dst
}

// refuseSend is the answer to a send that passed the first checks.
func refuseSend(code headers.ResponseCode, remark string) answer {
	return answer{code: code, remark: remark, fields: sendFields{}}
}

// sendMessage answers the send requests (SendMessageProcessor and
// AbstractSendMessageProcessor of 4.9.7 and 5.5.0).
func (b *Broker) sendMessage(rq *request) answer {
	h, err := headers.ParseSendMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if name := missingSendField(&rq.cmd, &h); name != "" {
		return refuse(headers.SystemError, "java.lang.NullPointerException: the send request has no field "+name)
	}
	if b.cluster.behaviour.five && len(rq.cmd.Body) == 0 {
		return refuse(headers.SystemError, "java.lang.NullPointerException: the send request has no body")
	}
	t, a := b.checkSend(rq, &h)
	if t == nil {
		return a
	}
	if h.QueueID < 0 {
		h.QueueID = b.anyQueue(t)
	}
	if h.Batch {
		return b.storeBatch(rq, &h, t)
	}
	return b.storeSingle(rq, &h, t)
}

// missingSendField names a field without which real brokers fail. They do not
// look for it: they fail where they need it, and take what they do not need for
// null.
func missingSendField(c *headers.Command, h *headers.SendMessage) string {
	if h.Topic != "" && h.QueueID != 0 && h.SysFlag != 0 && h.BornTimestamp != 0 && h.Flag != 0 {
		return ""
	}
	names := [...]string{"b", "e", "f", "g", "h"}
	if headers.RequestCode(c.Code) == headers.CodeSendMessage {
		names = [...]string{"topic", "queueId", "sysFlag", "bornTimestamp", "flag"}
	}
	var seen [len(names)]bool
	for field := range c.Fields.All() {
		for i, name := range names {
			if string(field) == name {
				seen[i] = true
			}
		}
	}
	for i, ok := range seen {
		if !ok {
			return names[i]
		}
	}
	return ""
}

// checkSend finds the topic of a send, or returns the refusal (msgCheck).
func (b *Broker) checkSend(rq *request, h *headers.SendMessage) (*topic, answer) {
	v := &b.cluster.behaviour
	if fault := topicFault(h.Topic); fault != "" {
		return nil, refuseSend(v.badParameter, fault)
	}
	if closedToClients(h.Topic) {
		return nil, refuseSend(headers.NoPermission, "Sending message to topic["+h.Topic+"] is forbidden.")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topicForSend(h)
	if t == nil {
		return nil, refuseSend(headers.TopicNotExist, "topic["+h.Topic+"] not exist, apply first please!"+v.faq())
	}
	if int(h.QueueID) >= max(t.read, t.write) {
		return nil, refuseSend(v.badParameter, fmt.Sprintf("request queueId[%d] is illegal, %s Producer: %s", h.QueueID, t.describe(v.five), rq.conn.remoteText))
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
	var room [indexedFrom]propertyEntry
	var set propertySet
	set.parse(h.Properties, room[:0])
	uniqueKey := b.rewrite(&set)
	if fault := b.delayFault(&set); fault != "" {
		return refuse(headers.SystemError, fault)
	}
	if v.five && set.get(propertyInnerNumber) != nil {
		return b.tooLarge()
	}
	m := body.StoredMessage{
		Topic: h.Topic, QueueID: h.QueueID, Flag: h.Flag, SysFlag: h.SysFlag,
		BornTimestamp: h.BornTimestamp, BornHost: rq.conn.remote, StoreHost: b.host(),
		ReconsumeTimes: h.ReconsumeTimes, Body: rq.cmd.Body,
	}
	var e entry
	target := t
	switch {
	case strings.EqualFold(string(set.get(headers.PropertyTransaction)), "true"):
		target = b.prepare(&m, &set, uniqueKey)
	case h.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagPrepared,
		h.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagRollback:
		// Neither a half message nor an ordinary one: the log has it and no queue.
		e.hidden = true
	}
	e.tagHash = javaHash(string(set.get(headers.PropertyTags)))
	m.Properties = set.append(make([]byte, 0, len(h.Properties)+128), v.five)
	if len(m.Properties) > headers.MaxPropertiesSize || len(m.Body) > b.cluster.cfg.maxMessageSize {
		return b.tooLarge()
	}
	var err error
	if e.raw, err = body.AppendStored(make([]byte, 0, m.Size()), &m); err != nil {
		return b.tooLarge()
	}
	s := b.put(target, m.QueueID, []entry{e})
	if target != t {
		b.openHalf(s.logOffsets[0])
	}
	result := &headers.SendResult{
		OffsetMessageID: offsetMessageID(m.StoreHost, s.logOffsets[0]),
		QueueID:         h.QueueID,
		QueueOffset:     s.firstOffset,
	}
	if v.five {
		result.TransactionID = uniqueKey
	}
	return answer{fields: sendFields{result}}
}

// rewrite does to the properties of a single message what brokers do, and
// returns its unique key. 5.x: buildMsgContext and sendMessage of
// SendMessageProcessor; 4.9.7 adds CLUSTER alone, and drops WAIT to save space.
func (b *Broker) rewrite(set *propertySet) string {
	set.remove(propertyPopCheck)
	if !b.cluster.behaviour.five {
		set.remove(headers.PropertyWait)
		set.set(propertyCluster, clusterName)
		return string(set.get(headers.PropertyUniqueKey))
	}
	set.set(propertyRegion, region)
	set.set(propertyTrace, "true")
	key := string(set.get(headers.PropertyUniqueKey))
	if key == "" {
		key = b.newUniqueKey()
		set.set(headers.PropertyUniqueKey, key)
	}
	set.set(propertyCluster, clusterName)
	return key
}

// newUniqueKey makes a key of the form that MessageClientIDSetter has: address,
// process, loader, time, counter.
func (b *Broker) newUniqueKey() string {
	host := b.host()
	b.mu.Lock()
	b.keys++
	n := b.keys
	b.mu.Unlock()
	id := host.Addr().Unmap().AsSlice()
	id = append(id, 0, 1, 0, 0, byte(host.Port()>>8), byte(host.Port()))
	ms := uint32(time.Now().UnixMilli())
	id = append(id, byte(ms>>24), byte(ms>>16), byte(ms>>8), byte(ms), byte(n>>8), byte(n))
	return upperHex(id)
}

// delayFault says why a message cannot be stored because it is to be delayed.
// 4.9 does not know the timer properties and stores such a message at once.
func (b *Broker) delayFault(set *propertySet) string {
	const notModelled = "embedded broker: delayed messages are not modelled"
	if level := set.get(headers.PropertyDelayLevel); level != nil {
		n, err := strconv.ParseInt(string(level), 10, 32)
		if err != nil {
			return "java.lang.NumberFormatException: For input string: \"" + string(level) + "\""
		}
		if n > 0 {
			return notModelled
		}
	}
	if b.cluster.behaviour.five {
		for _, name := range [...]string{"TIMER_DELIVER_MS", "TIMER_DELAY_SEC", "TIMER_DELAY_MS"} {
			if set.get(name) != nil {
				return notModelled
			}
		}
	}
	return ""
}

// prepare turns m into a half message, which waits in a topic of its own for the
// end of its transaction (TransactionalMessageBridge.parseHalfMessageInner).
func (b *Broker) prepare(m *body.StoredMessage, set *propertySet, uniqueKey string) *topic {
	if b.cluster.behaviour.five && uniqueKey != "" {
		set.set(propertyTransaction, uniqueKey)
	}
	set.set(headers.PropertyRealTopic, m.Topic)
	set.set(headers.PropertyRealQueue, strconv.Itoa(int(m.QueueID)))
	m.SysFlag &^= headers.SysFlagTransactionMask
	m.Topic, m.QueueID = halfTopic, 0
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[halfTopic]; t != nil {
		return t
	}
	return b.putTopicLocked(halfTopic, 1, 1, headers.PermRead|headers.PermWrite)
}

// storeBatch stores the messages of a batch, all or none. The properties of the
// inner messages stay as they are, and the request's system flag goes to each.
func (b *Broker) storeBatch(rq *request, h *headers.SendMessage, t *topic) answer {
	v := &b.cluster.behaviour
	if strings.HasPrefix(h.Topic, retryPrefix) {
		return refuseSend(headers.MessageIllegal, "batch request does not support retry group "+h.Topic)
	}
	var set propertySet
	set.parse(h.Properties, nil)
	if level := set.get(headers.PropertyDelayLevel); level != nil {
		n, err := strconv.ParseInt(string(level), 10, 32)
		if err != nil {
			return refuse(headers.SystemError, "java.lang.NumberFormatException: For input string: \""+string(level)+"\"")
		}
		if n > 0 {
			return b.tooLarge()
		}
	}
	if len(rq.cmd.Body) > b.cluster.cfg.maxMessageSize {
		if v.five {
			return refuse(headers.SystemError, "java.lang.RuntimeException: message body size exceeded")
		}
		return b.tooLarge()
	}
	entries, err := b.batchEntries(rq, h)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if len(entries) == 0 { // 4.9 without a body
		return refuse(headers.SystemError, "java.lang.NullPointerException: the batch has no body")
	}
	s := b.put(t, h.QueueID, entries)
	result := &headers.SendResult{QueueID: h.QueueID, QueueOffset: s.firstOffset}
	ids := make([]string, len(s.logOffsets))
	for i, offset := range s.logOffsets {
		ids[i] = offsetMessageID(b.host(), offset)
	}
	result.OffsetMessageID = strings.Join(ids, ",")
	if v.five {
		result.TransactionID = string(set.get(headers.PropertyUniqueKey))
	}
	return answer{fields: sendFields{result}}
}

func (b *Broker) batchEntries(rq *request, h *headers.SendMessage) ([]entry, error) {
	var entries []entry
	hidden := h.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagPrepared
	for inner, err := range body.BatchMessages(rq.cmd.Body) {
		if err != nil {
			return nil, err
		}
		m := body.StoredMessage{
			Topic: h.Topic, QueueID: h.QueueID, Flag: inner.Flag, SysFlag: h.SysFlag,
			BornTimestamp: h.BornTimestamp, BornHost: rq.conn.remote, StoreHost: b.host(),
			ReconsumeTimes: h.ReconsumeTimes, Body: inner.Body, Properties: inner.Properties,
		}
		raw, err := body.AppendStored(make([]byte, 0, m.Size()), &m)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{raw: raw, tagHash: tagHashOf(inner.Properties), hidden: hidden})
	}
	return entries, nil
}

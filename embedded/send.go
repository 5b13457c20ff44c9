package embedded

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
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
	if dead := b.deadLetter(&h); dead != nil {
		t = dead
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
	if fault := names.Fault(h.Topic); fault != "" {
		return nil, refuseSend(v.badParameter, fault)
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
	var room [properties.IndexedFrom]properties.Entry
	var set properties.Set
	set.Parse(h.Properties, room[:0])
	uniqueKey := b.rewrite(&set)
	wait, refusal := b.delayRules().Of(&set)
	switch {
	case refusal == nil:
	case refusal.Checked:
		return refuseSend(refusal.Code, refusal.Remark)
	default:
		return refuse(refusal.Code, refusal.Remark)
	}
	if v.five && set.Get(propertyInnerNumber) != nil {
		return b.tooLarge()
	}
	m := body.StoredMessage{
		Topic: h.Topic, QueueID: h.QueueID, Flag: h.Flag, SysFlag: h.SysFlag,
		BornTimestamp: h.BornTimestamp, BornHost: rq.conn.remote, StoreHost: b.host(),
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
	case h.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagPrepared,
		h.SysFlag&headers.SysFlagTransactionMask == headers.SysFlagRollback:
		// Neither a half message nor an ordinary one: the log has it and no queue.
		e.hidden, wait = true, delays.Delay{}
	case !wait.IsZero():
		target = b.park(&m, &set, wait)
	}
	e.tagHash = headers.HashCode(string(set.Get(headers.PropertyTags)))
	m.Properties = set.Append(make([]byte, 0, len(h.Properties)+128), v.five)
	if len(m.Properties) > headers.MaxPropertiesSize || len(m.Body) > b.cluster.cfg.maxMessageSize {
		return b.tooLarge()
	}
	var err error
	if e.raw, err = body.AppendStored(make([]byte, 0, m.Size()), &m); err != nil {
		return b.tooLarge()
	}
	s := b.put(target, m.QueueID, []entry{e})
	switch {
	case half:
		b.openHalf(s.logOffsets[0])
	case !wait.IsZero():
		b.awaitDelay(wait, e.raw)
	}
	result := &headers.SendResult{
		OffsetMessageID: body.OffsetMessageID(m.StoreHost, s.logOffsets[0]),
		QueueID:         h.QueueID,
		QueueOffset:     s.firstOffset,
		RecallHandle:    b.recallHandle(h.Topic, uniqueKey, wait),
	}
	if v.five {
		result.TransactionID = uniqueKey
	}
	return answer{fields: sendFields{result}}
}

// rewrite does to the properties of a single message what brokers do, and
// returns its unique key. 5.x: buildMsgContext and sendMessage of
// SendMessageProcessor; 4.9.7 adds CLUSTER alone, and drops WAIT to save space.
func (b *Broker) rewrite(set *properties.Set) string {
	if v := b.cluster.cfg.version; v < headers.Version5_0_0 || v >= headers.Version5_2_0 {
		set.Remove(propertyPopCheck)
	}
	if !b.cluster.behaviour.five {
		set.Remove(headers.PropertyWait)
		set.Set(propertyCluster, clusterName)
		return string(set.Get(headers.PropertyUniqueKey))
	}
	set.Set(propertyRegion, region)
	set.Set(propertyTrace, "true")
	key := string(set.Get(headers.PropertyUniqueKey))
	if key == "" {
		key = b.newUniqueKey()
		set.Set(headers.PropertyUniqueKey, key)
	}
	set.Set(propertyCluster, clusterName)
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
	id := append(host.Addr().Unmap().AsSlice(), 0, 1, 0, 0)
	id = binary.BigEndian.AppendUint16(id, host.Port())
	id = binary.BigEndian.AppendUint32(id, uint32(b.cluster.timers.Now().UnixMilli()))
	return fmt.Sprintf("%X", binary.BigEndian.AppendUint16(id, n))
}

// prepare turns m into a half message, which waits in a topic of its own for the
// end of its transaction (TransactionalMessageBridge.parseHalfMessageInner).
func (b *Broker) prepare(m *body.StoredMessage, set *properties.Set, uniqueKey string) *topic {
	if b.cluster.behaviour.five && uniqueKey != "" {
		set.Set(propertyTransaction, uniqueKey)
	}
	set.Set(headers.PropertyRealTopic, m.Topic)
	set.Set(headers.PropertyRealQueue, strconv.Itoa(int(m.QueueID)))
	m.SysFlag &^= headers.SysFlagTransactionMask
	m.Topic, m.QueueID = headers.HalfTopic, 0
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[headers.HalfTopic]; t != nil {
		return t
	}
	return b.putTopicLocked(headers.HalfTopic, 1, 1, headers.PermRead|headers.PermWrite)
}

// storeBatch stores the messages of a batch, all or none. The properties of the
// inner messages stay as they are, and the request's system flag goes to each.
func (b *Broker) storeBatch(rq *request, h *headers.SendMessage, t *topic) answer {
	v := &b.cluster.behaviour
	if strings.HasPrefix(h.Topic, headers.RetryTopicPrefix) {
		return refuseSend(headers.MessageIllegal, "batch request does not support retry group "+h.Topic)
	}
	var set properties.Set
	set.Parse(h.Properties, nil)
	if level := set.Get(headers.PropertyDelayLevel); level != nil {
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
	all := make([]string, len(s.logOffsets))
	for i, offset := range s.logOffsets {
		all[i] = body.OffsetMessageID(b.host(), offset)
	}
	result.OffsetMessageID = strings.Join(all, ",")
	if v.five {
		result.TransactionID = string(set.Get(headers.PropertyUniqueKey))
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
		entries = append(entries, entry{raw: raw, tagHash: tags.HashOf(inner.Properties), hidden: hidden})
	}
	return entries, nil
}

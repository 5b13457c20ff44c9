package embedded

import (
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// recallKey names a timer message that is not to be delivered: topic, unique key
// and TIMER_OUT_MS (TimerMessageStore.buildDeleteKey, and the slot of the wheel
// that the mark is in).
type recallKey struct{ topic, uniqueKey, out string }

// recallFields is the header of the answer to a recall.
type recallFields struct{ messageID string }

// AppendFields appends the fields.
func (f recallFields) AppendFields(dst []byte, s headers.Serialization) []byte {
	dst = headers.AppendField(dst, s, propertyRegion, region)
	return headers.AppendField(dst, s, "msgId", f.messageID)
}

// refuseRecall is the answer to a recall that is not done.
func refuseRecall(code headers.ResponseCode, remark string) answer {
	return answer{code: code, remark: remark, fields: recallFields{}}
}

// recallHandle is what the answer to the send of a timer message says
// (SendMessageProcessor.attachRecallHandle), empty where there is none.
func (b *Broker) recallHandle(topic, uniqueKey string, d delays.Delay) string {
	if d.Out == 0 || b.cluster.behaviour.version < headers.Version5_3_3 || strings.HasPrefix(topic, headers.RetryTopicPrefix) {
		return ""
	}
	return headers.RecallHandle{Topic: topic, BrokerName: b.name, Timestamp: d.Out + 1, UniqueKey: uniqueKey}.String()
}

// recallMessage answers RECALL_MESSAGE (RecallMessageProcessor of 5.3.3). It
// notes that the message is not to be delivered, whether or not there is one.
func (b *Broker) recallMessage(rq *request) answer {
	if !b.cluster.cfg.recall {
		return refuseRecall(headers.NoPermission, "recall failed, operation is forbidden")
	}
	h, err := headers.ParseRecallMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if !b.hasTopic(h.Topic) {
		return refuseRecall(headers.TopicNotExist, "recall failed, the topic["+h.Topic+"] not exist")
	}
	handle, err := headers.ParseRecallHandle(h.Handle)
	if err != nil {
		return refuseRecall(headers.IllegalOperation, "recall handle is invalid")
	}
	now := b.cluster.timers.Now().UnixMilli()
	left := handle.Timestamp - now
	switch {
	case handle.Topic != h.Topic:
		return refuseRecall(headers.IllegalOperation, "recall failed, topic not match")
	case handle.BrokerName != b.name:
		return refuseRecall(headers.IllegalOperation, "recall failed, broker service not available")
	case left <= 0 || left >= b.cluster.cfg.maxDelay.Milliseconds():
		return refuseRecall(headers.IllegalOperation, "recall failed, timestamp invalid")
	case b.cluster.cfg.withoutTimers:
		return refuseRecall(headers.SystemError, "recall failed, execute error")
	}
	if !b.markRecalled(handle) {
		return full("recalls")
	}
	return answer{fields: recallFields{handle.UniqueKey}}
}

// markRecalled keeps the mark for as long as the message may still come. It reports
// whether there was room for it.
func (b *Broker) markRecalled(handle headers.RecallHandle) bool {
	out := delays.Slot(handle.Timestamp)
	key := recallKey{handle.Topic, handle.UniqueKey, strconv.FormatInt(out, 10)}
	b.mu.Lock()
	_, before := b.recalled[key]
	ok := hasRoom(b.recalled, key)
	if ok {
		b.recalled[key] = struct{}{}
	}
	b.mu.Unlock()
	if before || !ok {
		return ok
	}
	b.cluster.timers.At(time.UnixMilli(out).Add(2*delays.Precision), func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.srv.running() { // else the message may be overdue
			delete(b.recalled, key)
		}
	})
	return true
}

func (b *Broker) wasRecalled(key recallKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, yes := b.recalled[key]
	return yes
}

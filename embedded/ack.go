package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/versions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// ackMessage answers ACK_MESSAGE (AckMessageProcessor of 5.5.0).
func (b *Broker) ackMessage(rq *request) answer {
	h, err := headers.ParseAckMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	q := offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}
	b.mu.Lock()
	if a, ok := b.checkPopped(rq, q, h.Offset, true); !ok {
		b.mu.Unlock()
		return a
	}
	handle, err := headers.ParseReceiptHandle(h.Handle)
	if err != nil {
		b.mu.Unlock()
		return refuse(headers.SystemError, err.Error())
	}
	a, freed := b.acked(q, b.pop.Ack(q.Group, q.Topic, q.ID, h.Offset, &handle, b.millis()))
	b.armRevive()
	b.mu.Unlock()
	b.resume(freed)
	return a
}

// batchAck answers BATCH_ACK_MESSAGE. Its entries are taken one after the other.
func (b *Broker) batchAck(rq *request) answer {
	if len(rq.cmd.Body) == 0 {
		return refuse(headers.NoMessage, "")
	}
	data, err := headers.ParseBatchAckData(rq.cmd.Body)
	if err == nil && len(data.Entries) == 0 {
		return refuse(headers.NoMessage, "")
	}
	var a answer
	var freed []*parked
	b.mu.Lock()
	for i := range data.Entries {
		q, outcome := b.pop.BatchAck(data.BrokerName, &data.Entries[i], b.millis())
		refusal, more := b.acked(q, outcome)
		freed = append(freed, more...)
		if refusal.code != headers.Success {
			a = refusal
		}
	}
	b.armRevive()
	b.mu.Unlock()
	b.resume(freed)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	return a
}

// acked is the answer to an acknowledgement, and the pop that it lets go on. The caller
// holds b.mu.
func (b *Broker) acked(q offsets.Queue, outcome pop.AckOutcome) (a answer, freed []*parked) {
	switch outcome {
	case pop.AckIllegal:
		return refuse(headers.MessageIllegal, fmt.Sprintf("offset is illegal, key:%s@%s@%d", q.Topic, q.Group, q.ID)), nil
	case pop.AckFreed:
		if p, ok := b.pops.Wake(q, nil); ok {
			freed = append(freed, p)
		}
	}
	return answer{}, freed
}

// checkPopped makes the checks of requests that name a popped message: last says whether
// the offset behind the queue's last message is taken. The caller holds b.mu.
func (b *Broker) checkPopped(rq *request, q offsets.Queue, offset int64, last bool) (answer, bool) {
	t := b.topics[q.Topic]
	if t == nil {
		return refuse(headers.TopicNotExist, "topic["+q.Topic+"] not exist, apply first please! "+b.cluster.behaviour.FAQ()), false
	}
	if q.ID < 0 || int(q.ID) >= t.read {
		return refuse(headers.MessageIllegal, fmt.Sprintf("queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[%s]",
			q.ID, q.Topic, t.read, rq.conn.RemoteText)), false
	}
	queue := t.look(q.ID)
	most := queue.Next()
	if !last {
		most--
	}
	if offset < queue.First || offset > most {
		return refuse(headers.NoMessage, fmt.Sprintf("offset is illegal, key:%s@%d, commit:%d, store:%d~%d", q.Topic, q.ID, offset, queue.First, queue.Next())), false
	}
	return answer{}, true
}

// changeInvisibleTime answers CHANGE_MESSAGE_INVISIBLETIME (ChangeInvisibleTimeProcessor of
// 5.5.0).
func (b *Broker) changeInvisibleTime(rq *request) answer {
	h, err := headers.ParseChangeInvisibleTime(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	h.Suspend = h.Suspend && b.cluster.cfg.version >= versions.Suspend
	q := offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}
	var result headers.ChangeInvisibleTimeResult
	b.mu.Lock()
	defer b.mu.Unlock()
	if a, ok := b.checkPopped(rq, q, h.Offset, b.cluster.cfg.version < headers.Version5_3_2); !ok {
		a.fields = &result
		return a
	}
	handle, err := headers.ParseReceiptHandle(h.Handle)
	switch {
	case err != nil:
		return refuse(headers.SystemError, err.Error())
	case !b.pop.HasRoom():
		return full("check points")
	case handle.ReviveQueueID == headers.OrderedReviveQueue && b.cluster.cfg.version < versions.OrderFree:
		// The new check point goes where nobody looks for it.
		result = headers.ChangeInvisibleTimeResult{PopTime: b.millis(), InvisibleMillis: h.InvisibleMillis, ReviveQueueID: handle.ReviveQueueID}
		return answer{remark: noCode, fields: &result}
	}
	result, ok := b.pop.Change(&h, &handle, b.millis())
	if !ok {
		return answer{code: headers.SystemError, fields: &result}
	}
	b.armRevive()
	return answer{remark: noCode, fields: &result}
}

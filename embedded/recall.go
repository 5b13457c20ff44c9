package embedded

import (
	"errors"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// refuseRecall is the answer to a recall that is not done.
func refuseRecall(code headers.ResponseCode, remark string) answer {
	return answer{code: code, remark: remark, fields: fields.Recall{}}
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
	if fault := b.delayRules().RecallFault(&handle, h.Topic, b.name); fault != "" {
		return refuseRecall(headers.IllegalOperation, fault)
	}
	if b.cluster.cfg.withoutTimers || b.keepRecall(rq, h.ProducerGroup, &handle) != nil {
		return refuseRecall(headers.SystemError, "recall failed, execute error")
	}
	b.mu.Lock()
	marked := b.markRecalled(delays.RecallOf(&handle))
	b.mu.Unlock()
	if !marked {
		return full("recalls")
	}
	return answer{fields: fields.Recall{MessageID: handle.UniqueKey}}
}

// keepRecall puts a recall into the log, among the timer messages, so that it is known after
// the next start, also to a real broker. Without a folder there is no need.
func (b *Broker) keepRecall(rq *request, group string, handle *headers.RecallHandle) error {
	if b.keeper == nil {
		return nil
	}
	r := delays.RecallOf(handle)
	set := r.Properties(group, handle.Timestamp, b.cluster.cfg.version)
	m := body.StoredMessage{Topic: r.Topic, BornTimestamp: b.millis(), BornHost: rq.conn.Remote, StoreHost: b.host(), Body: []byte(delays.RecallBody)}
	b.park(&m, &set, delays.Delay{Out: r.Out})
	m.Properties = set.Append(nil, b.cluster.behaviour.Five)
	b.mu.Lock()
	s, w, err := b.storeLocked(&m, m.Topic, m.QueueID)
	b.mu.Unlock()
	if err != nil {
		return err
	}
	b.wake(w)
	s.Write.Then(0, nil, func(err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if err == nil {
			b.holdRecall(s.FirstOffset, r)
		}
	})
	if err := s.Write.WaitFor(b.cluster.cfg.syncFlushTimeout); !errors.Is(err, store.ErrUnsynced) {
		return err
	}
	return nil
}

// holdRecall has a recall, which is a message of the timer topic, found at the next start
// until its time is over. The caller holds b.mu.
func (b *Broker) holdRecall(offset int64, r delays.Recall) {
	b.keeper.Wait(headers.TimerTopic, timerQueue, offset)
	b.cluster.timers.At(r.Over(), func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.keeper.Delivered(headers.TimerTopic, timerQueue, offset)
	})
}

// takeRecall reports whether a timer message is a recall, which counts from now on. The caller
// holds b.mu.
func (b *Broker) takeRecall(m *body.StoredMessage) bool {
	r, ok := delays.ReadRecall(m.Properties)
	if ok {
		b.holdRecall(m.QueueOffset, r)
		b.markRecalled(r)
	}
	return ok
}

// markRecalled keeps the mark for as long as the message may still come. It reports
// whether there was room for it. The caller holds b.mu.
func (b *Broker) markRecalled(r delays.Recall) bool {
	if _, before := b.recalled[r]; before || !hasRoom(b.recalled, r) {
		return before
	}
	b.recalled[r] = struct{}{}
	b.cluster.timers.At(r.Over(), func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.srv.Running() { // else the message may be overdue
			delete(b.recalled, r)
		}
	})
	return true
}

func (b *Broker) wasRecalled(r delays.Recall) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, yes := b.recalled[r]
	return yes
}

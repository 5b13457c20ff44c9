package embedded

import (
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/pop"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/versions"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// poppedQueues is how many queues of a topic are popped: the first ones.
const poppedQueues = 1024

// popLate is how much later than its time a pop may arrive (PopMessageRequestHeader.isTimeoutTooMuch).
const popLate = 500 // ms

func (c *Cluster) popConfig(brokerName string) pop.Config {
	cfg := pop.ConfigOf(c.cfg.version)
	cfg.BrokerName, cfg.Most, cfg.KV, cfg.RetryV2 = brokerName, keptMost, c.cfg.popKV, c.cfg.retryTopicV2
	cfg.ReviveLag, cfg.MaxInvisible = c.cfg.reviveLag.Milliseconds(), c.cfg.maxDelay.Milliseconds()
	return cfg
}

// popStore is a broker as its pop engine sees it. The broker's mu is held.
type popStore struct{ b *Broker }

func (s popStore) ReadQueues(topic string) int {
	if t := s.b.topics[topic]; t != nil {
		return min(t.read, poppedQueues)
	}
	return 0
}

func (s popStore) Bounds(topic string, queue int32) (first, next int64) {
	q := s.b.topics[topic].look(queue)
	return q.First, q.Next()
}

func (s popStore) Read(topic string, queue int32, offset int64, most int, filter *filters.Filter) pop.Reading {
	r := s.b.topics[topic].look(queue).Read(offset, int32(most), filter)
	out := pop.Reading{Raw: r.Found, Next: r.Next, OffsetMoved: r.Code == headers.PullOffsetMoved && r.Max > 0}
	for _, raw := range r.Found {
		out.Offsets = append(out.Offsets, body.QueueOffsetOf(raw))
	}
	return out
}

func (s popStore) Delivered(topic string, queue int32, n int) {
	s.b.topics[topic].look(queue).Delivered += int64(n)
}

// WhenFree wakes who waits for the queue (ConsumerOrderInfoLockManager, without its wheel
// of 100 ms).
func (s popStore) WhenFree(q offsets.Queue, at int64) {
	b := s.b
	if b.cluster.cfg.version < versions.OrderFree {
		return
	}
	if old := b.frees[q]; old != nil {
		old.Cancel()
	}
	b.frees[q] = b.cluster.timers.At(time.UnixMilli(at), func() { b.queueFree(q) })
}

func (b *Broker) queueFree(q offsets.Queue) {
	b.mu.Lock()
	delete(b.frees, q)
	var free []*parked
	if at, _ := b.offsets.Get(q); b.topics[q.Topic].look(q.ID).Next() > at {
		free = append(b.pops.Freed(q), b.notices.Freed(q)...)
	}
	b.mu.Unlock()
	b.resume(free)
}

// millis is the time of the cluster.
func (b *Broker) millis() int64 { return b.cluster.timers.Now().UnixMilli() }

// handlePops answers what belongs to POP, which 5.0.0 brought.
func (b *Broker) handlePops(rq *request) answer {
	switch rq.code() {
	case headers.CodePopMessage:
		return b.popMessage(rq)
	case headers.CodeNotification:
		return b.notification(rq)
	case headers.CodeAckMessage:
		return b.ackMessage(rq)
	case headers.CodeBatchAckMessage:
		if b.cluster.cfg.version >= headers.Version5_1_3 {
			return b.batchAck(rq)
		}
	case headers.CodeChangeInvisibleTime:
		return b.changeInvisibleTime(rq)
	case headers.CodeQueryAssignment:
		return b.queryAssignment(rq)
	case headers.CodeSetMessageRequestMode:
		return b.setRequestMode(rq)
	case headers.CodeSubscriptionGroup:
		return b.describeGroup(rq)
	}
	return notSupported(rq)
}

// popMessage answers POP_MESSAGE (PopMessageProcessor of 5.5.0). It may hold the request:
// see parked.
func (b *Broker) popMessage(rq *request) answer {
	h, err := headers.ParsePopMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if b.keeper != nil && len(b.pop.RetryTopic(h.ConsumerGroup, h.Topic)) > store.LongestTopic {
		return refuse(headers.MessageIllegal, store.ErrLongTopic.Error()) // nothing could be delivered again
	}
	p := newParked(rq, offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}, h.BornTimestamp, h.PollMillis)
	p.pop = &h
	return b.work(p, false, rq.contended)
}

// notification answers NOTIFICATION (NotificationProcessor of 5.5.0), in the same way.
func (b *Broker) notification(rq *request) answer {
	h, err := headers.ParseNotification(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if b.cluster.cfg.version < versions.NotifyFilter {
		h.Expression, h.ExpressionType = "", ""
	}
	p := newParked(rq, offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}, h.BornTimestamp, h.PollMillis)
	p.notice = &h
	return b.work(p, false, false)
}

// takePop works on a pop, for work. The caller holds b.mu.
func (b *Broker) takePop(p *parked, over, contended bool) (a answer, again []*parked) {
	h := p.pop
	v := &b.cluster.behaviour
	switch {
	case p.born+popLate < time.Now().UnixMilli()-h.PollMillis && !over:
		return refuse(headers.PollingTimeout, fmt.Sprintf("the broker[%s] pop message is timeout too much", b.storeHost.Addr())), nil
	case h.MaxMessages > headers.MaxPopMessages:
		return refuse(v.BadParameter, fmt.Sprintf("the broker[%s] pop message's num is greater than 32", b.storeHost.Addr())), nil
	case b.cluster.cfg.withoutTimers:
		return refuse(headers.SystemError, fmt.Sprintf("the broker[%s] pop message is forbidden because timerWheelEnable is false", b.storeHost.Addr())), nil
	}
	if a, ok := b.checkConsumer(p); !ok {
		return a, nil
	}
	filter, a, ok := b.popFilter(h.Expression, h.ExpressionType)
	if !ok {
		return a, nil
	}
	taken := b.pop.Pop(h, &filter, b.millis(), contended)
	b.armRevive()
	b.countGets(h.ConsumerGroup, h.Topic, taken.Count)
	a = answer{remark: "FOUND", fields: &taken.PopResult, body: taken.Body}
	if taken.Count > 0 {
		if taken.RestNum > 0 {
			if next, ok := b.pops.Wake(p.key, nil); ok {
				again = append(again, next)
			}
		}
		return a, again
	}
	a.remark = "NO_MESSAGE_IN_QUEUE"
	switch held, full := b.suspend(p, &filter, over); {
	case full:
		a.code = headers.PollingFull
		return a, nil
	case !held:
		a.code = headers.PollingTimeout
		return a, nil
	}
	if taken.RestNum > 0 && (contended || taken.Moved) { // it may find something after all
		b.pops.Remove(p.key, p)
		again = append(again, p)
	}
	return answer{none: true}, again
}

// takeNotice works on a notification, for work. The caller holds b.mu.
func (b *Broker) takeNotice(p *parked, over bool) answer {
	if a, ok := b.checkConsumer(p); !ok {
		return a
	}
	h := p.notice
	var filter *filters.Filter
	if h.Expression != "" {
		f, a, ok := b.popFilter(h.Expression, h.ExpressionType)
		if !ok {
			return a
		}
		filter = &f
	}
	result := headers.NotificationResult{HasMessage: b.pop.HasMessage(h, filter, b.millis())}
	if !result.HasMessage {
		held, full := b.suspend(p, filter, over)
		if held {
			return answer{none: true}
		}
		result.PollingFull = full
	}
	return answer{remark: noCode, fields: &result}
}

// checkConsumer makes the checks that pops and notifications share. The caller holds b.mu.
func (b *Broker) checkConsumer(p *parked) (answer, bool) {
	v := &b.cluster.behaviour
	name := p.key.Topic
	t := b.topics[name]
	switch {
	case t == nil:
		return refuse(headers.TopicNotExist, "topic["+name+"] not exist, apply first please! "+v.FAQ()), false
	case t.perm&headers.PermRead == 0:
		return refuse(headers.NoPermission, "the topic["+name+"] peeking message is forbidden"), false
	case int(p.key.ID) >= t.read:
		return refuse(v.BadParameter, fmt.Sprintf("queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[%s]",
			p.key.ID, name, t.read, p.reply.conn.RemoteText)), false
	}
	cfg, ok := b.groupConfig(p.key.Group)
	switch {
	case !ok && b.cluster.cfg.noGroups:
		return refuse(headers.SubscriptionGroupNotExist, "subscription group ["+p.key.Group+"] does not exist, "+v.FAQ()), false
	case !ok:
		return full("consumer groups"), false
	case !cfg.ConsumeEnable:
		return refuse(headers.NoPermission, "subscription group no permission, "+p.key.Group), false
	}
	return answer{}, true
}

// popFilter reads the expression of a pop or a notification. Pops may have expressions over
// properties whether or not WithPropertyFilter allows them (PopMessageProcessor of 5.5.0).
func (b *Broker) popFilter(expression, kind string) (filters.Filter, answer, bool) {
	f, ok := filters.OfPop(kind, expression, b.cluster.cfg.version)
	if !ok {
		return f, refuse(headers.SubscriptionParseFailed, "parse the consumer's subscription failed"), false
	}
	return f, answer{}, true
}

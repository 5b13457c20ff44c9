package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	pullMessages = 32        // MessageStoreConfig.maxTransferCountOnMessageInMemory
	pullBytes    = 256 << 10 // MessageStoreConfig.maxTransferBytesOnMessageInMemory
	pullScan     = 800       // messages looked at in search of a tag: maxFilterMessageSize / 20

	subscriptionParseFailed headers.ResponseCode = 23
)

// pullMessage answers PULL_MESSAGE and LITE_PULL_MESSAGE (PullMessageProcessor
// and DefaultPullMessageResultHandler of 5.5.0). It may hold the request: see
// poll.
func (b *Broker) pullMessage(rq *request) answer {
	v := &b.cluster.behaviour
	h, err := headers.ParsePullMessage(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	if a, ok := b.checkPull(rq, &h); !ok {
		return a
	}
	filter, a, ok := b.pullFilter(&h)
	if !ok {
		return a
	}
	if h.SysFlag&headers.PullCommitOffset != 0 && h.CommitOffset >= 0 {
		b.commitOffset(groupQueue{h.ConsumerGroup, h.Topic, h.QueueID}, h.CommitOffset)
	}
	for {
		r := b.read(&h, &filter)
		if r.code != headers.PullNotFound || h.SysFlag&headers.PullSuspend == 0 || rq.cmd.IsOneway() {
			return r.answer(v.five)
		}
		if p := newPoll(b, rq, &h, filter); b.hold(p) {
			return answer{none: true}
		}
		// A message came in between.
	}
}

// checkPull makes the checks that refuse a pull without telling offsets.
func (b *Broker) checkPull(rq *request, h *headers.PullMessage) (answer, bool) {
	v := &b.cluster.behaviour
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[h.Topic]
	switch {
	case t == nil:
		return refuse(headers.TopicNotExist, "topic["+h.Topic+"] not exist, apply first please! "+v.faq()), false
	case t.perm&headers.PermRead == 0:
		return refuse(headers.NoPermission, "the topic["+h.Topic+"] pulling message is forbidden"), false
	case h.QueueID < 0 || int(h.QueueID) >= t.read:
		return refuse(v.badParameter, fmt.Sprintf("queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[%s]",
			h.QueueID, h.Topic, t.read, rq.conn.remoteText)), false
	}
	return answer{}, true
}

// pullFilter finds the subscription of a pull: in the request, or among those
// that the group's heartbeats brought.
func (b *Broker) pullFilter(h *headers.PullMessage) (tagFilter, answer, bool) {
	sub := subscription{kind: h.ExpressionType}
	if h.SysFlag&headers.PullSubscription != 0 {
		if isTagExpression(sub.kind) {
			var ok bool
			if sub.filter, ok = parseTags(h.Subscription); !ok {
				return tagFilter{}, refuse(subscriptionParseFailed, "parse the consumer's subscription failed"), false
			}
		}
	} else {
		var known, subscribed bool
		sub, known, subscribed = b.subscription(h.ConsumerGroup, h.Topic)
		switch {
		case !known:
			return tagFilter{}, refuse(headers.SubscriptionNotExist, "the consumer's group info not exist"+b.cluster.behaviour.faq()), false
		case !subscribed:
			return tagFilter{}, refuse(headers.SubscriptionNotExist, "the consumer's subscription not exist"+b.cluster.behaviour.faq()), false
		case sub.version < h.SubVersion:
			return tagFilter{}, refuse(headers.SubscriptionNotLatest, "the consumer's subscription not latest"), false
		}
	}
	if !isTagExpression(sub.kind) {
		// enablePropertyFilter=false, the default.
		return tagFilter{}, refuse(headers.SystemError, "The broker does not support consumer to filter message by "+sub.kind), false
	}
	return sub.filter, answer{}, true
}

// reading is what a look into a queue brought.
type reading struct {
	code           headers.ResponseCode
	status         string // GetMessageStatus of the store, which becomes the remark
	next, min, max int64
	found          [][]byte
	size           int
}

func (r *reading) answer(five bool) answer {
	a := answer{code: r.code, remark: r.status, fields: &headers.PullResult{
		NextOffset: r.next, MinOffset: r.min, MaxOffset: r.max, WithSysFlags: five,
	}}
	if len(r.found) > 0 {
		a.body = make([]byte, 0, r.size)
		for _, raw := range r.found {
			a.body = append(a.body, raw...)
		}
	}
	return a
}

// read looks into a queue (DefaultMessageStore.getMessage).
func (b *Broker) read(h *headers.PullMessage, filter *tagFilter) reading {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := &queue{}
	if t := b.topics[h.Topic]; t != nil {
		q = t.queue(h.QueueID)
	}
	r := reading{min: q.first, max: q.next(), next: h.QueueOffset}
	switch offset := h.QueueOffset; {
	case r.max == 0:
		r.next, r.status = 0, "NO_MESSAGE_IN_QUEUE"
		r.code = headers.PullNotFound
		if offset != 0 {
			r.code = headers.PullOffsetMoved
		}
	case offset < r.min:
		r.code, r.status, r.next = headers.PullOffsetMoved, "OFFSET_TOO_SMALL", r.min
	case offset == r.max:
		r.code, r.status = headers.PullNotFound, "OFFSET_OVERFLOW_ONE"
	case offset > r.max:
		r.code, r.status, r.next = headers.PullOffsetMoved, "OFFSET_OVERFLOW_BADLY", r.max
	default:
		r.collect(q.at(offset), h.MaxMessages, filter)
	}
	return r
}

// collect takes messages that pass the filter, at least one if any does in the
// range that is looked at.
func (r *reading) collect(records []record, wished int32, filter *tagFilter) {
	r.code, r.status = headers.PullRetryImmediately, "NO_MATCHED_MESSAGE"
	most := int(min(max(wished, 1), pullMessages))
	for i := range records[:min(len(records), pullScan)] {
		rec := &records[i]
		if len(r.found) >= most || len(r.found) > 0 && r.size+len(rec.raw) > pullBytes {
			break
		}
		r.next++
		if filter.passes(rec.tagHash) {
			r.found = append(r.found, rec.raw)
			r.size += len(rec.raw)
			r.code, r.status = headers.Success, "FOUND"
		}
	}
}

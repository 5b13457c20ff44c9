package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/filters"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/queues"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
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
	q := offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}
	if a, yes := b.wasReset(q, v.Five); yes {
		return a
	}
	if h.SysFlag&headers.PullCommitOffset != 0 && h.CommitOffset >= 0 && !b.commitOffset(q, h.CommitOffset) {
		return full("offsets")
	}
	for {
		r := b.read(&h, &filter)
		if r.Code != headers.PullNotFound || h.SysFlag&headers.PullSuspend == 0 || rq.cmd.IsOneway() {
			return pullAnswer(&r, v.Five)
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
	cfg, known := b.groupConfig(h.ConsumerGroup)
	switch {
	case !known && b.cluster.cfg.noGroups:
		return refuse(headers.SubscriptionGroupNotExist, "subscription group ["+h.ConsumerGroup+"] does not exist, "+v.FAQ()), false
	case !known:
		return full("consumer groups"), false
	case !cfg.ConsumeEnable:
		return refuse(headers.NoPermission, "subscription group no permission, "+h.ConsumerGroup), false
	case t == nil:
		return refuse(headers.TopicNotExist, "topic["+h.Topic+"] not exist, apply first please! "+v.FAQ()), false
	case t.perm&headers.PermRead == 0:
		return refuse(headers.NoPermission, "the topic["+h.Topic+"] pulling message is forbidden"), false
	case h.QueueID < 0 || int(h.QueueID) >= t.read:
		return refuse(v.BadParameter, fmt.Sprintf("queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[%s]",
			h.QueueID, h.Topic, t.read, rq.conn.RemoteText)), false
	}
	return answer{}, true
}

// pullFilter finds the subscription of a pull: in the request, or among those
// that the group's heartbeats brought.
func (b *Broker) pullFilter(h *headers.PullMessage) (filters.Filter, answer, bool) {
	kind, filter, a := h.ExpressionType, filters.Filter{}, answer{}
	if h.SysFlag&headers.PullSubscription == 0 {
		kind, filter, a = b.groupFilter(h)
	} else if f, ok := filters.OfPull(kind, h.Subscription, b.cluster.cfg.version); ok {
		filter = f
	} else {
		a = refuse(headers.SubscriptionParseFailed, "parse the consumer's subscription failed")
	}
	if a.code == headers.Success && !tags.IsExpression(kind) && !b.cluster.cfg.propertyFilter {
		a = noExpressions(kind)
	}
	return filter, a, a.code == headers.Success
}

// groupFilter is that of a subscription of the group.
func (b *Broker) groupFilter(h *headers.PullMessage) (kind string, filter filters.Filter, a answer) {
	b.mu.Lock()
	sub, known, subscribed := b.groups.Subscription(h.ConsumerGroup, h.Topic, b.cluster.cfg.version)
	b.mu.Unlock()
	switch {
	case !known:
		a = refuse(headers.SubscriptionNotExist, "the consumer's group info not exist"+b.cluster.behaviour.FAQ())
	case !subscribed:
		a = refuse(headers.SubscriptionNotExist, "the consumer's subscription not exist"+b.cluster.behaviour.FAQ())
	case sub.Version < h.SubVersion:
		a = refuse(headers.SubscriptionNotLatest, "the consumer's subscription not latest")
	case sub.Unreadable:
		a = refuse(headers.FilterDataNotExist, "The broker's consumer filter data is not exist!Your expression may be wrong!")
	}
	return sub.Kind, sub.Filter, a
}

// noExpressions refuses filters that are not of tags, without WithPropertyFilter.
func noExpressions(kind string) answer {
	return refuse(headers.SystemError, "The broker does not support consumer to filter message by "+kind)
}

// checkClientConfig answers CHECK_CLIENT_CONFIG (ClientManageProcessor of 5.5.0).
func (b *Broker) checkClientConfig(rq *request) answer {
	data, err := headers.ParseCheckClientData(rq.cmd.Body)
	kind := data.Subscription.ExpressionType
	if err != nil || tags.IsExpression(kind) {
		return answer{}
	}
	if !b.cluster.cfg.propertyFilter {
		return noExpressions(kind)
	}
	if _, ok := filters.Compile(kind, data.Subscription.Expression, b.cluster.cfg.version); !ok {
		return refuse(headers.SubscriptionParseFailed, "Invalid MessageSelector. ")
	}
	return answer{}
}

// pullAnswer is what a pull is told of its reading.
func pullAnswer(r *queues.Reading, five bool) answer {
	a := answer{code: r.Code, remark: r.Status, fields: &headers.PullResult{
		NextOffset: r.Next, MinOffset: r.Min, MaxOffset: r.Max, WithSysFlags: five,
	}}
	if len(r.Found) > 0 {
		a.body = make([]byte, 0, r.Size)
		for _, raw := range r.Found {
			a.body = append(a.body, raw...)
		}
	}
	return a
}

// countGets notes that a group got messages. The caller holds b.mu.
func (b *Broker) countGets(group, topic string, n int) {
	if n > 0 {
		b.counts.Got(group, topic, n, headers.IsSystemTopic(topic), b.millis())
	}
}

// read looks into a queue for a pull.
func (b *Broker) read(h *headers.PullMessage, filter *filters.Filter) queues.Reading {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.topics[h.Topic].look(h.QueueID)
	r := q.Read(h.QueueOffset, h.MaxMessages, filter)
	q.Delivered += int64(len(r.Found))
	b.offsets.Pull(offsets.Queue{Group: h.ConsumerGroup, Topic: h.Topic, ID: h.QueueID}, r.Next)
	b.countGets(h.ConsumerGroup, h.Topic, len(r.Found))
	return r
}

package embedded

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
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
	if a, yes := b.wasReset(q, v.five); yes {
		return a
	}
	if h.SysFlag&headers.PullCommitOffset != 0 && h.CommitOffset >= 0 && !b.commitOffset(q, h.CommitOffset) {
		return full("offsets")
	}
	for {
		r := b.read(&h, &filter)
		if r.Code != headers.PullNotFound || h.SysFlag&headers.PullSuspend == 0 || rq.cmd.IsOneway() {
			return pullAnswer(&r, v.five)
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
		return refuse(headers.SubscriptionGroupNotExist, "subscription group ["+h.ConsumerGroup+"] does not exist, "+v.faq()), false
	case !known:
		return full("consumer groups"), false
	case !cfg.ConsumeEnable:
		return refuse(headers.NoPermission, "subscription group no permission, "+h.ConsumerGroup), false
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
func (b *Broker) pullFilter(h *headers.PullMessage) (tags.Filter, answer, bool) {
	sub := groups.Subscription{Kind: h.ExpressionType}
	if h.SysFlag&headers.PullSubscription != 0 {
		if tags.IsExpression(sub.Kind) {
			var ok bool
			if sub.Filter, ok = tags.Parse(h.Subscription); !ok {
				return tags.Filter{}, refuse(headers.SubscriptionParseFailed, "parse the consumer's subscription failed"), false
			}
		}
	} else {
		var known, subscribed bool
		b.mu.Lock()
		sub, known, subscribed = b.groups.Subscription(h.ConsumerGroup, h.Topic)
		b.mu.Unlock()
		switch {
		case !known:
			return tags.Filter{}, refuse(headers.SubscriptionNotExist, "the consumer's group info not exist"+b.cluster.behaviour.faq()), false
		case !subscribed:
			return tags.Filter{}, refuse(headers.SubscriptionNotExist, "the consumer's subscription not exist"+b.cluster.behaviour.faq()), false
		case sub.Version < h.SubVersion:
			return tags.Filter{}, refuse(headers.SubscriptionNotLatest, "the consumer's subscription not latest"), false
		}
	}
	if !tags.IsExpression(sub.Kind) {
		return tags.Filter{}, noExpressions(sub.Kind), false
	}
	return sub.Filter, answer{}, true
}

// noExpressions refuses filters that are not of tags, as enablePropertyFilter=false does,
// the default.
func noExpressions(kind string) answer {
	return refuse(headers.SystemError, "The broker does not support consumer to filter message by "+kind)
}

// checkClientConfig answers CHECK_CLIENT_CONFIG (ClientManageProcessor of 5.5.0).
func (b *Broker) checkClientConfig(rq *request) answer {
	data, err := headers.ParseCheckClientData(rq.cmd.Body)
	if kind := data.Subscription.ExpressionType; err == nil && !tags.IsExpression(kind) {
		return noExpressions(kind)
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

// read looks into a queue for a pull.
func (b *Broker) read(h *headers.PullMessage, filter *tags.Filter) queues.Reading {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.topics[h.Topic].look(h.QueueID).Read(h.QueueOffset, h.MaxMessages, filter)
}

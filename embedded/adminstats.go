package embedded

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/admin"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/counts"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// handleAdmin answers what only admin tools ask (AdminBrokerProcessor of 5.5.0).
func (b *Broker) handleAdmin(rq *request) (answer, bool) {
	switch rq.code() {
	case headers.CodeConsumeStats:
		return b.consumeStats(rq), true
	case headers.CodeTopicGroups:
		return b.topicGroups(rq), true
	case headers.CodeBrokerStats:
		return b.brokerStats(rq), true
	case headers.CodeTopicConfig:
		if b.cluster.behaviour.Five {
			return b.topicConfig(rq), true
		}
	case headers.CodeDeleteTopic:
		return b.removeTopic(rq), true
	case headers.CodeDeleteSubscriptionGroup:
		return b.removeGroup(rq), true
	}
	return answer{}, false
}

// consumeStats answers GET_CONSUME_STATS.
func (b *Broker) consumeStats(rq *request) answer {
	h, err := admin.ParseConsumeStats(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(h.Topics) == 0 {
		h.Topics = b.offsets.Topics(h.Group)
	}
	var progress []admin.Progress
	rate, left := 0.0, maxStatsQueues
	for _, topic := range h.Topics {
		t := b.topics[topic]
		reads, subscriptions := b.groups.Reads(h.Group, topic)
		if t == nil || !h.Listed && subscriptions > 0 && !reads {
			continue
		}
		stats, _ := b.counts.Of(counts.GroupGets, topic+"@"+h.Group, b.millis())
		rate += stats.Minute.Rate
		n := min(t.read, left)
		left -= n
		for id := range int32(n) {
			progress = append(progress, b.progress(t, offsets.Queue{Group: h.Group, Topic: topic, ID: id}))
		}
	}
	return answer{body: admin.ConsumeStats(b.name, rate, progress, b.cluster.cfg.version >= headers.Version5_1_4)}
}

// progress is how far a group is in a queue. The caller holds b.mu.
func (b *Broker) progress(t *topic, q offsets.Queue) admin.Progress {
	queue := t.look(q.ID)
	committed, _ := b.offsets.Get(q)
	pulled, _ := b.offsets.Pulled(q)
	return admin.Progress{
		Topic: q.Topic, ID: q.ID, Next: queue.Next(), Committed: committed, Pulled: max(committed, pulled),
		LastStored: max(0, queue.StoreTime(committed-1)),
	}
}

// topicGroups answers QUERY_TOPIC_CONSUME_BY_WHO.
func (b *Broker) topicGroups(rq *request) answer {
	topic := rq.cmd.Fields.String("topic")
	b.mu.Lock()
	groups := append(b.groups.Readers(topic), b.offsets.Groups(topic)...)
	b.mu.Unlock()
	slices.Sort(groups)
	return jsonAnswer(admin.GroupList{Groups: append([]string{}, slices.Compact(groups)...)})
}

// brokerStats answers VIEW_BROKER_STATS_DATA.
func (b *Broker) brokerStats(rq *request) answer {
	name, key := rq.cmd.Fields.String("statsName"), rq.cmd.Fields.String("statsKey")
	b.mu.Lock()
	stats, ok := b.counts.Of(name, key, b.millis())
	b.mu.Unlock()
	if !ok {
		return refuse(headers.SystemError, "The stats <"+name+"> <"+key+"> not exist")
	}
	return jsonAnswer(stats)
}

// topicConfig answers GET_TOPIC_CONFIG.
func (b *Broker) topicConfig(rq *request) answer {
	name := rq.cmd.Fields.String("topic")
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[name]
	if t == nil {
		return refuse(headers.TopicNotExist, "No topic in this broker. topic: "+name)
	}
	return jsonAnswer(admin.TopicConfig{Name: name, Read: t.read, Write: t.write, Perm: t.perm, Order: t.ordered, Attributes: t.attributes})
}

package embedded

import (
	"net"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/counts"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/info"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/routes"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// info is what the broker is.
func (b *Broker) info() info.Broker {
	cfg := &b.cluster.cfg
	host, _, _ := net.SplitHostPort(b.AdvertisedAddr())
	_, port, _ := net.SplitHostPort(b.Addr())
	return info.Broker{
		Name: b.name, Cluster: clusterName, Host: host, Port: port, Version: cfg.version, ACL: cfg.acl,
		AutoCreateTopic: cfg.autoCreate, AutoCreateGroup: !cfg.noGroups, Queues: autoCreateQueues, MaxMessageSize: cfg.maxMessageSize,
		PropertyFilter: cfg.propertyFilter,
	}
}

// brokerConfig answers GET_BROKER_CONFIG.
func (b *Broker) brokerConfig() answer {
	return answer{fields: fields.ConfigVersion{}, body: info.Lines(b.info().Settings())}
}

// runtimeInfo answers GET_BROKER_RUNTIME_INFO.
func (b *Broker) runtimeInfo() answer {
	b.mu.Lock()
	put, got := b.counts.Totals(b.millis())
	records := b.log
	n := info.Numbers{Put: put, Got: got, FirstOffset: records.First(), EndOffset: records.End()}
	if m, _, ok := b.store.At(n.FirstOffset); ok {
		n.Earliest = m.StoreTimestamp
	}
	b.mu.Unlock()
	return jsonAnswer(info.RuntimeOf(b.cluster.cfg.version, b.cluster.started, time.Now(), n))
}

// maxStatsQueues bounds what topicStats lists, since anybody may create a topic
// with any number of queues.
const maxStatsQueues = 1 << 16

// topicStats answers GET_TOPIC_STATS_INFO.
func (b *Broker) topicStats(rq *request) answer {
	name := rq.cmd.Fields.String("topic")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics[name] == nil {
		return refuse(headers.TopicNotExist, "topic["+name+"] not exist")
	}
	var list []routes.QueueStats
	for _, q := range b.queueStates(name) {
		one := routes.QueueStats{ID: q.ID, First: q.MinOffset, Next: q.MaxOffset}
		if !q.LastStored.IsZero() {
			one.LastStored = q.LastStored.UnixMilli()
		}
		list = append(list, one)
	}
	stats, _ := b.counts.Of(counts.TopicPuts, name, b.millis())
	return answer{body: routes.TopicStats(b.name, name, list, stats.Minute.Rate, b.cluster.cfg.version >= headers.Version5_3_3)}
}

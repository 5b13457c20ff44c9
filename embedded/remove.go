package embedded

import (
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/names"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// removeTopic answers DELETE_TOPIC_IN_BROKER (AdminBrokerProcessor.deleteTopic).
func (b *Broker) removeTopic(rq *request) answer {
	v := &b.cluster.behaviour
	name := rq.cmd.Fields.String("topic")
	if fault := names.Fault(name); name == "" || fault != "" && !v.Five {
		return refuse(v.BadParameter, fault)
	}
	if headers.IsSystemTopic(name) {
		return refuse(v.BadParameter, "The topic["+name+"] is conflict with system topic.")
	}
	b.DeleteTopic(name)
	return answer{}
}

// DeleteTopic removes a topic and its messages from this broker. From 5.0.0 on the offsets go
// as well that groups have in it, and from 5.1.4 on what is to be delivered again of its pops.
func (b *Broker) DeleteTopic(name string) {
	b.mu.Lock()
	gone := []string{name}
	if b.cluster.cfg.version >= headers.Version5_1_4 {
		for _, group := range b.offsets.Groups(name) {
			gone = append(gone, headers.RetryV1.Topic(group, name), headers.RetryV2.Topic(group, name))
		}
	}
	for _, name := range gone {
		b.deleteLocked(name)
	}
	b.mu.Unlock()
	_ = b.saveChanges() // it is tried again
}

func (b *Broker) deleteLocked(name string) {
	t := b.topics[name]
	if t == nil {
		return
	}
	for _, q := range t.queues {
		q.Drop(len(q.Units))
	}
	delete(b.topics, name)
	b.counts.Forget(name)
	if b.cluster.behaviour.Five {
		b.offsets.Remove(func(q offsets.Queue) bool { return q.Topic == name })
	}
	b.changes.Add(1)
}

// removeGroup answers DELETE_SUBSCRIPTIONGROUP.
func (b *Broker) removeGroup(rq *request) answer {
	group := rq.cmd.Fields.String("groupName")
	if group == "" {
		return refuse(headers.SystemError, "the request has no field groupName")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.configs, group)
	if b.cluster.behaviour.Five && rq.cmd.Fields.Bool("cleanOffset") {
		b.offsets.Remove(func(q offsets.Queue) bool { return q.Group == group })
	}
	b.changes.Add(1)
	return answer{}
}

// unlistFor is how long a name server does not know of a topic that it was told to forget:
// until its brokers have registered again (registerNameServerPeriod).
const unlistFor = 30 * time.Second

// removeTopic answers DELETE_TOPIC_IN_NAMESRV. Without a cluster it is for all.
func (n *NameServer) removeTopic(rq *request) answer {
	name, cluster := rq.cmd.Fields.String("topic"), rq.cmd.Fields.String("clusterName")
	if name == "" {
		return refuse(headers.SystemError, "the request has no field topic")
	}
	if cluster != "" && cluster != clusterName {
		return answer{}
	}
	for _, b := range n.cluster.brokers {
		b.mu.Lock()
		if t := b.topics[name]; t != nil {
			if t.unlisted = true; t.relist != nil {
				t.relist.Cancel()
			}
			t.relist = b.cluster.timers.After(unlistFor, func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				t.unlisted = false
			})
		}
		b.mu.Unlock()
	}
	return answer{}
}

package embedded

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// heartBeat answers HEART_BEAT (ClientManageProcessor of 5.5.0). Groups that
// have changed are told by NOTIFY_CONSUMER_IDS_CHANGED, before the answer.
func (b *Broker) heartBeat(rq *request) answer {
	if len(rq.cmd.Body) == 0 {
		return refuse(headers.SystemError, "java.lang.NullPointerException: the heartbeat has no body")
	}
	var beat groups.Heartbeat
	if err := json.Unmarshal(rq.cmd.Body, &beat); err != nil {
		return refuse(headers.SystemError, "heartbeat: "+err.Error())
	}
	if !b.registerProducers(rq, &beat) {
		return full("producer groups")
	}
	changed := false // as heartbeat V2 understands it
	for i := range beat.ConsumerDataSet {
		data := &beat.ConsumerDataSet[i]
		tell, other, ok := b.register(rq, &beat, data)
		if !ok {
			return full("consumer groups and topics")
		}
		changed = changed || other
		notifyGroup(data.Group, tell)
	}
	if !b.cluster.behaviour.Five {
		return answer{}
	}
	change := "true"
	if beat.Fingerprint != 0 && !changed {
		change = "false"
	}
	return answer{fields: headers.FieldList{{Name: "IS_SUB_CHANGE", Value: change}, {Name: "IS_SUPPORT_HEART_BEAT_V2", Value: "true"}}}
}

// register takes in one group of a heartbeat. It returns the members to be told
// of a change, and whether the fingerprint is another one than before. Without room
// for the group it is not ok.
func (b *Broker) register(rq *request, beat *groups.Heartbeat, data *headers.ConsumerData) (tell []*conn, other, ok bool) {
	if data.Group == "" {
		return nil, false, true
	}
	retry := headers.RetryTopicPrefix + data.Group
	b.mu.Lock()
	defer b.mu.Unlock()
	if rq.conn.Closed() {
		return nil, false, true // it would never be forgotten
	}
	cfg, ok := b.groupConfig(data.Group)
	switch {
	case !ok && b.cluster.cfg.noGroups:
		return nil, false, true // passed over
	case !ok, !hasRoom(b.topics, retry), !b.groups.Has(data.Group) && b.groups.Len() >= keptMost:
		return nil, false, false
	}
	if b.topics[retry] == nil && cfg.RetryQueues > 0 {
		b.putTopicLocked(retry, int(cfg.RetryQueues), int(cfg.RetryQueues), headers.PermRead|headers.PermWrite)
	}
	tell, other = b.groups.Register(&groups.Beat[*conn]{
		ClientID: beat.ClientID, Fingerprint: beat.Fingerprint, WithoutSubscriptions: beat.WithoutSub, Group: *data,
		Member: groups.Member[*conn]{Conn: rq.conn, Language: rq.cmd.Language, Version: rq.cmd.Version},
	})
	if !cfg.NotifyConsumerIDsChanged {
		tell = nil
	}
	return tell, other, true
}

// notifyGroup pushes NOTIFY_CONSUMER_IDS_CHANGED.
func notifyGroup(group string, members []*conn) {
	for _, c := range members {
		c.Push(fields.Push{Code: headers.CodeConsumerIDsChanged, Fields: headers.FieldList{{Name: "consumerGroup", Value: group}}}, nil)
	}
}

// unregisterClient answers UNREGISTER_CLIENT.
func (b *Broker) unregisterClient(rq *request) answer {
	h := headers.ParseUnregisterClient(&rq.cmd)
	b.leave(func(group, member string, _ *conn) bool { return group == h.ConsumerGroup && member == h.ClientID })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.producers.Unregister(h.ProducerGroup, h.ClientID, rq.conn)
	return answer{}
}

// leave removes members from groups and tells those that stay.
func (b *Broker) leave(gone func(group, member string, c *conn) bool) {
	b.mu.Lock()
	tell := b.groups.Leave(gone)
	for name := range tell {
		if !b.configs[name].NotifyConsumerIDsChanged {
			delete(tell, name)
		}
	}
	b.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(tell)) {
		notifyGroup(name, tell[name])
	}
}

// disconnected forgets what belongs to a connection that has ended.
func (b *Broker) disconnected(c *conn) {
	b.dropPolls(c)
	b.dropParked(c)
	b.leave(func(_, _ string, member *conn) bool { return member == c })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.producers.Disconnect(c)
}

// consumerList answers GET_CONSUMER_LIST_BY_GROUP.
func (b *Broker) consumerList(rq *request) answer {
	group := rq.cmd.Fields.String("consumerGroup")
	b.mu.Lock()
	list := headers.ConsumerListData{ClientIDs: b.groups.Members(group)}
	b.mu.Unlock()
	if len(list.ClientIDs) == 0 {
		return refuse(headers.SystemError, "no consumer for this group, "+group)
	}
	return encoded(list.Encode())
}

// consumerConnections answers GET_CONSUMER_CONNECTION_LIST.
func (b *Broker) consumerConnections(rq *request) answer {
	h, err := headers.ParseGroupRequest(&rq.cmd)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	b.mu.Lock()
	list, conns, ok := b.groups.Describe(h.ConsumerGroup)
	b.mu.Unlock()
	if !ok {
		return refuse(headers.ConsumerNotOnline, "the consumer group["+h.ConsumerGroup+"] not online")
	}
	for i, c := range conns {
		list.Connections[i].Address = c.RemoteText
	}
	return encoded(list.Encode())
}

// encoded is a success with a body.
func encoded(body []byte, err error) answer {
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	return answer{body: body}
}

package embedded

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// consumerGroup is what the heartbeats of a group's members brought
// (ConsumerGroupInfo). The broker's mu guards it.
type consumerGroup struct {
	members       map[string]*conn // by client id
	subscriptions map[string]subscription
	broadcasting  bool
	fingerprint   int32
}

// subscription is what a group wants of a topic.
type subscription struct {
	expression string
	kind       string // of the expression, see isTagExpression
	version    int64
	filter     tagFilter
}

// heartbeat is the body of HEART_BEAT (HeartbeatData). Members that mean nothing
// here are left out.
type heartbeat struct {
	ClientID        string         `json:"clientID"`
	Fingerprint     int32          `json:"heartbeatFingerprint"`
	WithoutSub      bool           `json:"withoutSub"`
	ConsumerDataSet []consumerData `json:"consumerDataSet"`
	ProducerDataSet []struct {
		GroupName string `json:"groupName"`
	} `json:"producerDataSet"`
}

type consumerData struct {
	GroupName     string             `json:"groupName"`
	MessageModel  string             `json:"messageModel"`
	Subscriptions []subscriptionData `json:"subscriptionDataSet"`
}

type subscriptionData struct {
	Topic          string  `json:"topic"`
	SubString      string  `json:"subString"`
	CodeSet        []int32 `json:"codeSet"`
	SubVersion     int64   `json:"subVersion"`
	ExpressionType string  `json:"expressionType"`
}

// heartBeat answers HEART_BEAT (ClientManageProcessor of 5.5.0). Groups that
// have changed are told by NOTIFY_CONSUMER_IDS_CHANGED, before the answer.
func (b *Broker) heartBeat(rq *request) answer {
	if len(rq.cmd.Body) == 0 {
		return refuse(headers.SystemError, "java.lang.NullPointerException: the heartbeat has no body")
	}
	var beat heartbeat
	if err := json.Unmarshal(rq.cmd.Body, &beat); err != nil {
		return refuse(headers.SystemError, "heartbeat: "+err.Error())
	}
	b.registerProducers(rq, &beat)
	changed := false // as heartbeat V2 understands it
	for i := range beat.ConsumerDataSet {
		data := &beat.ConsumerDataSet[i]
		tell, other := b.register(rq.conn, &beat, data)
		changed = changed || other
		notifyGroup(data.GroupName, tell)
	}
	if !b.cluster.behaviour.five {
		return answer{}
	}
	change := "true"
	if beat.Fingerprint != 0 && !changed {
		change = "false"
	}
	return answer{fields: headers.FieldList{{Name: "IS_SUB_CHANGE", Value: change}, {Name: "IS_SUPPORT_HEART_BEAT_V2", Value: "true"}}}
}

// register takes in one group of a heartbeat. It returns the members to be told
// of a change, and whether the fingerprint is another one than before.
func (b *Broker) register(c *conn, beat *heartbeat, data *consumerData) (tell []*conn, other bool) {
	if data.GroupName == "" {
		return nil, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if retry := retryPrefix + data.GroupName; b.topics[retry] == nil {
		b.putTopicLocked(retry, 1, 1, headers.PermRead|headers.PermWrite)
	}
	g := b.groups[data.GroupName]
	if g == nil {
		g = &consumerGroup{members: make(map[string]*conn), subscriptions: make(map[string]subscription)}
		b.groups[data.GroupName] = g
	}
	g.broadcasting = data.MessageModel == "BROADCASTING"
	other = g.fingerprint != 0 && g.fingerprint != beat.Fingerprint
	g.fingerprint = beat.Fingerprint
	changed := g.members[beat.ClientID] != c
	g.members[beat.ClientID] = c
	if !beat.WithoutSub && g.subscribe(data.Subscriptions) {
		changed = true
	}
	if changed && !g.broadcasting {
		tell = g.connections()
	}
	return tell, other
}

// subscribe replaces the group's subscriptions where the new ones are newer, and
// drops those that are not among the new ones. It reports whether it did.
func (g *consumerGroup) subscribe(list []subscriptionData) bool {
	changed := false
	named := make(map[string]bool, len(list))
	for _, d := range list {
		named[d.Topic] = true
		old, ok := g.subscriptions[d.Topic]
		if ok && d.SubVersion <= old.version {
			continue
		}
		changed = changed || !ok || old.expression != d.SubString
		sub := subscription{expression: d.SubString, kind: d.ExpressionType, version: d.SubVersion}
		sub.filter = tagFilter{all: d.SubString == "" || d.SubString == "*", hashes: d.CodeSet}
		g.subscriptions[d.Topic] = sub
	}
	for topic := range g.subscriptions {
		if !named[topic] {
			delete(g.subscriptions, topic)
			changed = true
		}
	}
	return changed
}

// connections returns the members' connections in the order of their ids.
func (g *consumerGroup) connections() []*conn {
	list := make([]*conn, 0, len(g.members))
	for _, id := range slices.Sorted(maps.Keys(g.members)) {
		list = append(list, g.members[id])
	}
	return list
}

// notifyGroup pushes NOTIFY_CONSUMER_IDS_CHANGED.
func notifyGroup(group string, members []*conn) {
	for _, c := range members {
		c.push(pushRequest{headers.CodeConsumerIDsChanged, headers.FieldList{{Name: "consumerGroup", Value: group}}}, nil)
	}
}

// subscription finds what a group wants of a topic.
func (b *Broker) subscription(group, topic string) (sub subscription, known, subscribed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.groups[group]
	if g == nil {
		return subscription{}, false, false
	}
	sub, subscribed = g.subscriptions[topic]
	return sub, true, subscribed
}

// unregisterClient answers UNREGISTER_CLIENT.
func (b *Broker) unregisterClient(rq *request) answer {
	h := headers.ParseUnregisterClient(&rq.cmd)
	b.leave(func(group, member string, _ *conn) bool { return group == h.ConsumerGroup && member == h.ClientID })
	b.leaveProducers(func(group, member string, _ *conn) bool { return group == h.ProducerGroup && member == h.ClientID })
	return answer{}
}

// leave removes members from groups and tells those that stay.
func (b *Broker) leave(gone func(group, member string, c *conn) bool) {
	b.mu.Lock()
	tell := make(map[string][]*conn)
	for name, g := range b.groups {
		before := len(g.members)
		maps.DeleteFunc(g.members, func(member string, c *conn) bool { return gone(name, member, c) })
		if len(g.members) == before {
			continue
		}
		if len(g.members) == 0 {
			delete(b.groups, name)
		} else if !g.broadcasting {
			tell[name] = g.connections()
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
	b.leave(func(_, _ string, member *conn) bool { return member == c })
	b.leaveProducers(func(_, _ string, member *conn) bool { return member == c })
}

// consumerList answers GET_CONSUMER_LIST_BY_GROUP.
func (b *Broker) consumerList(rq *request) answer {
	group := rq.cmd.Fields.String("consumerGroup")
	var list struct {
		IDs []string `json:"consumerIdList"`
	}
	b.mu.Lock()
	if g := b.groups[group]; g != nil {
		list.IDs = slices.Sorted(maps.Keys(g.members))
	}
	b.mu.Unlock()
	if len(list.IDs) == 0 {
		return refuse(headers.SystemError, "no consumer for this group, "+group)
	}
	return jsonAnswer(list)
}

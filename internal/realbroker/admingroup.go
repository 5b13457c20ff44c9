package realbroker

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// QueueProgress is how far a consumer group is in one queue.
type QueueProgress struct {
	// Topic is cut to 64 characters by mqadmin.
	Topic, BrokerName string
	QueueID           int32
	// BrokerOffset is the queue's end, ConsumerOffset what the group has committed, and
	// Diff the messages between them.
	BrokerOffset, ConsumerOffset, Diff int64
	// Inflight is the number of messages between the committed offset and the last one
	// that was pulled, known from 5.x on. Members that have left count.
	Inflight int64
}

// ConsumerProgress returns what mqadmin consumerProgress says about a group: a queue of
// its topics and of its retry topic a line, sorted. The test fails for a group that has
// never been there.
func (c *Cluster) ConsumerProgress(t testing.TB, group string) []QueueProgress {
	t.Helper()
	progress, err := parseProgress(c.Admin(t, "consumerProgress", "-g", group))
	if err != nil {
		t.Fatal(exported(err))
	}
	return progress
}

// ConsumerProgressIn is ConsumerProgress for one topic. It also finds groups that no client
// has introduced by heartbeats, as those that pop do not need.
func (c *Cluster) ConsumerProgressIn(t testing.TB, group, topic string) []QueueProgress {
	t.Helper()
	progress, err := parseProgress(c.Admin(t, "consumerProgress", "-g", group, "-t", topic))
	if err != nil {
		t.Fatal(exported(err))
	}
	return progress
}

func parseProgress(text string) ([]QueueProgress, error) {
	rows, err := tableWith(text, "#Consumer Offset")
	if err != nil {
		return nil, err
	}
	all := make([]QueueProgress, len(rows))
	for i, row := range rows {
		var errs [5]error
		var queue int64
		p := QueueProgress{Topic: row["#Topic"], BrokerName: row["#Broker Name"]}
		queue, errs[0] = rows.number(i, "#QID")
		p.QueueID = int32(queue)
		p.BrokerOffset, errs[1] = rows.number(i, "#Broker Offset")
		p.ConsumerOffset, errs[2] = rows.number(i, "#Consumer Offset")
		p.Diff, errs[3] = rows.number(i, "#Diff")
		if _, known := row["#Inflight"]; known {
			p.Inflight, errs[4] = rows.number(i, "#Inflight")
		}
		if err := errors.Join(errs[:]...); err != nil {
			return nil, err
		}
		all[i] = p
	}
	return all, nil
}

// GroupConnection is what mqadmin consumerConnection says about a consumer group.
type GroupConnection struct {
	Members []GroupMember
	// Subscriptions are expressions by topic, the retry topic among them.
	Subscriptions map[string]string
	// ConsumeType is CONSUME_PASSIVELY for push consumers, also by POP; MessageModel is
	// CLUSTERING or BROADCASTING.
	ConsumeType, MessageModel, ConsumeFromWhere string
}

// GroupMember is a connected client of a group.
type GroupMember struct {
	ClientID, ClientAddr, Language, Version string
}

// ConsumerConnection returns who is connected for a group, as mqadmin
// consumerConnection says. The test fails when nobody is.
func (c *Cluster) ConsumerConnection(t testing.TB, group string) GroupConnection {
	t.Helper()
	connection, err := parseConnection(c.Admin(t, "consumerConnection", "-g", group))
	if err != nil {
		t.Fatal(exported(err))
	}
	return connection
}

func parseConnection(text string) (GroupConnection, error) {
	members, err := tableWith(text, "#ClientId")
	if err != nil {
		return GroupConnection{}, err
	}
	subscriptions, err := tableWith(text, "#SubExpression")
	if err != nil {
		return GroupConnection{}, err
	}
	more := fields(text)
	g := GroupConnection{
		Subscriptions: make(map[string]string, len(subscriptions)),
		ConsumeType:   more["ConsumeType"], MessageModel: more["MessageModel"], ConsumeFromWhere: more["ConsumeFromWhere"],
	}
	for _, row := range members {
		g.Members = append(g.Members, GroupMember{row["#ClientId"], row["#ClientAddr"], row["#Language"], row["#Version"]})
	}
	for _, row := range subscriptions {
		g.Subscriptions[row["#Topic"]] = row["#SubExpression"]
	}
	return g, nil
}

// ResetOffsetByTime moves a group in a topic to the first messages that were stored at
// a time or later, by mqadmin resetOffsetByTime, in either direction. Members that are
// connected are told by the broker.
func (c *Cluster) ResetOffsetByTime(t testing.TB, group, topic string, at time.Time) {
	t.Helper()
	c.Admin(t, "resetOffsetByTime", "-g", group, "-t", topic, "-s", strconv.FormatInt(at.UnixMilli(), 10), "-f", "true")
}

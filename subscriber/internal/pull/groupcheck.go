package pull

import (
	"context"
	"fmt"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// SubscriptionConflictError means that members of a group do not subscribe to the same.
// Brokers keep one set of subscriptions for a group, that of the last heartbeat, and all
// members divide the queues of all topics: those that a member gets and does not read stay
// unread.
type SubscriptionConflictError struct {
	Group string
	// Topic is one that the group has differently from this member.
	Topic string
	// Own is the expression of this member, Found that of the group. Either is empty if
	// it does not subscribe to the topic.
	Own, Found string
}

// Error says what is different, and what to do.
func (e *SubscriptionConflictError) Error() string {
	const advice = "use one consumer group for each set of topics, or subscribe to the same in all members"
	switch {
	case e.Found == "":
		return fmt.Sprintf("another member of consumer group %q does not subscribe to topic %q: %s", e.Group, e.Topic, advice)
	case e.Own == "":
		return fmt.Sprintf("another member of consumer group %q subscribes to topic %q, which this member does not: %s", e.Group, e.Topic, advice)
	}
	return fmt.Sprintf("another member of consumer group %q subscribes to topic %q by %q, this one by %q: %s", e.Group, e.Topic, e.Found, e.Own, advice)
}

// GroupModeError means that others use the group in a way that does not go together with
// this member.
type GroupModeError struct {
	Group string
	Type  headers.ConsumeType
	Model headers.MessageModel
}

// Error says what to do.
func (e *GroupModeError) Error() string {
	if e.Model == headers.Broadcasting {
		return fmt.Sprintf("consumer group %q has members that read all queues (%s): use another group", e.Group, e.Model)
	}
	return fmt.Sprintf("consumer group %q has members that pop (%s), which moves the same offsets: use another group, or one engine for all", e.Group, e.Type)
}

// checkGroup looks who the others in the group are and whether they do the same as this
// member, and logs what is wrong. topic is one of the member's.
func (e *Engine) checkGroup(ctx context.Context, topic string) {
	route, err := e.cfg.Member.Routes().ReadRoute(ctx, topic)
	if err != nil {
		return // logged elsewhere
	}
	var found headers.ConsumerConnectionData
	err = errNoMaster
	for _, at := range route.Replicas() {
		if at.IsMaster() {
			found, err = e.connections(ctx, at)
			break
		}
	}
	if err != nil {
		return // a broker that is away is none of the group's faults
	}
	ofJava := make(map[string]bool)
	for _, c := range found.Connections {
		ofJava[c.ClientID] = c.Language == headers.LanguageJava.String()
	}
	e.mu.Lock()
	e.ofJava = ofJava
	e.mu.Unlock()
	for _, fault := range e.conflicts(&found) {
		e.logs.groupFailed("Members of the consumer group do not fit together", topic, fault)
	}
}

// mayBeJava reports whether a member is a client of Java's, or not known yet.
func (e *Engine) mayBeJava(member string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	java, known := e.ofJava[member]
	return java || !known
}

// connections asks a broker for the members of the group and their subscriptions.
func (e *Engine) connections(ctx context.Context, at routing.Replica) (headers.ConsumerConnectionData, error) {
	answer, err := e.ask(ctx, at.Addr, &headers.GroupRequest{Code: headers.CodeConsumerConnection, ConsumerGroup: e.group}, nil)
	if err != nil {
		return headers.ConsumerConnectionData{}, err
	}
	return headers.ParseConsumerConnectionData(answer.Body)
}

// conflicts returns what others in the group do differently.
func (e *Engine) conflicts(found *headers.ConsumerConnectionData) []error {
	others := slices.ContainsFunc(found.Connections, func(c headers.Connection) bool { return c.ClientID != e.id })
	if !others {
		return nil
	}
	var faults []error
	if found.ConsumeType == headers.ConsumePop || found.MessageModel == headers.Broadcasting {
		faults = append(faults, &GroupModeError{Group: e.group, Type: found.ConsumeType, Model: found.MessageModel})
	}
	own := make(map[string]*headers.SubscriptionData)
	e.mu.Lock()
	for _, f := range e.fetchers {
		own[f.topic.Name] = &f.filter
	}
	e.mu.Unlock()
	for topic, mine := range own {
		if theirs := found.Subscriptions[topic]; !sameFilter(mine, &theirs) {
			faults = append(faults, &SubscriptionConflictError{Group: e.group, Topic: topic, Own: mine.Expression, Found: theirs.Expression})
		}
	}
	for topic, theirs := range found.Subscriptions {
		if own[topic] == nil && topic != e.retryTopic() {
			faults = append(faults, &SubscriptionConflictError{Group: e.group, Topic: topic, Found: theirs.Expression})
		}
	}
	return faults
}

// sameFilter reports whether two subscriptions want the same messages of a topic. Tags may
// be written in several ways.
func sameFilter(a, b *headers.SubscriptionData) bool {
	if a.Expression == b.Expression {
		return true
	}
	tags := slices.Sorted(slices.Values(b.Tags))
	return len(a.Tags) > 0 && slices.Equal(a.Tags, tags)
}

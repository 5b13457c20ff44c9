package preflight

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Use is what a client does with topics.
type Use int

// The uses.
const (
	Publishing Use = iota
	Subscribing
)

// permission is the aspect of what the client needs of a route.
func (u Use) permission() check.Aspect {
	if u == Subscribing {
		return check.ReadPermission
	}
	return check.WritePermission
}

// method is what a user calls with a topic.
func (u Use) method() string {
	if u == Subscribing {
		return "Subscribe"
	}
	return "Publish"
}

// queues is how many queues of a broker the client can use, by their number alone.
func (u Use) queues(q routing.TopicQueues) int32 {
	if u == Subscribing {
		return q.Read
	}
	return q.Write
}

// unread looks at a topic that does not exist, for a subscriber, which waits for it.
func (c *checker) unread(subject, name string) check.Item {
	const waits = "does not exist: Subscribe waits until it does"
	if len(c.brokers) == 0 || !slices.ContainsFunc(c.nameServers, func(s nameServerFound) bool { return s.knows }) {
		return warning(check.Topic, subject, waits, "create it, such as by mqadmin updateTopic")
	}
	return warning(check.Topic, subject, waits, "create it, such as by: "+c.creation(name)+"; or set Config.CreateTopics.Enabled")
}

// readable looks at the permission of the topic's queues for consumers.
func readable(subject string, info *routing.TopicInfo, guarded bool) check.Item {
	closed := closedTo(info, headers.PermRead)
	const advice = "mqadmin updateTopic with -p 6, or 4 for a topic that is no longer written to"
	switch {
	case len(closed) == len(info.Queues):
		return bad(check.ReadPermission, subject, "no broker lets consumers read: nothing is received", advice)
	case len(closed) > 0:
		return warning(check.ReadPermission, subject, strings.Join(closed, ", ")+" does not let consumers read: what is there is not received", advice)
	case guarded:
		return fine(check.ReadPermission, subject, "granted to consumers by the route; whether this user has it too shows with the first message")
	}
	return fine(check.ReadPermission, subject, "granted to consumers by the route")
}

// served looks for servers to read from on the topic's brokers.
func served(subject string, info *routing.TopicInfo) check.Item {
	var slavesOnly, silent []string
	for _, q := range info.Queues {
		b, _ := info.Broker(q.BrokerName)
		switch _, ok := b.Master(); {
		case ok:
		case len(b.Addrs) > 0:
			slavesOnly = append(slavesOnly, q.BrokerName)
		default:
			silent = append(silent, q.BrokerName)
		}
	}
	const advice = "start the master (brokerId=0), which alone keeps the progress of consumers"
	switch {
	case len(silent) == len(info.Queues):
		return bad(check.Master, subject, "no broker of the topic can be read from: nothing is received", advice)
	case len(silent) > 0:
		return warning(check.Master, subject, strings.Join(silent, ", ")+" has no server: what is there is not received", advice)
	case len(slavesOnly) > 0:
		return warning(check.Master, subject, strings.Join(slavesOnly, ", ")+" has slaves only: they can be pulled from, and progress is not kept", advice)
	}
	return fine(check.Master, subject, "present on each broker of the topic")
}

// group looks at the consumer group on a broker.
func (s *brokerSettings) group(addr string) check.Item {
	c := s.checker
	auto, told := s.settings["autoCreateSubscriptionGroup"]
	config, exists, err := c.groupConfig(addr, s.version, told && auto == "false")
	const disabled = "mqadmin updateSubGroup with -s true"
	switch {
	case err != nil:
		item := c.failed(check.ConsumerGroup, s.subject, err, "")
		if item.Status == check.Bad {
			item.Status, item.Advice = check.Unknown, ""
			item.Reason = "the broker does not tell its consumer groups: " + item.Reason
		}
		return item
	case exists && !config.ConsumeEnable:
		return bad(check.ConsumerGroup, s.subject, fmt.Sprintf("group %q may not consume there (consumeEnable=false)", c.Group), disabled)
	case exists && config.RetryQueues == 0:
		return warning(check.ConsumerGroup, s.subject, fmt.Sprintf("group %q exists without a retry queue: messages that are sent back are lost", c.Group),
			"mqadmin updateSubGroup with -q 1")
	case exists:
		return fine(check.ConsumerGroup, s.subject, fmt.Sprintf("group %q exists and may consume", c.Group))
	case told && auto == "true":
		return fine(check.ConsumerGroup, s.subject, fmt.Sprintf("group %q does not exist; the broker creates it (autoCreateSubscriptionGroup=true)", c.Group))
	case !told:
		return s.hidden(check.ConsumerGroup, "autoCreateSubscriptionGroup")
	}
	return bad(check.ConsumerGroup, s.subject, fmt.Sprintf("group %q does not exist, and the broker creates none (autoCreateSubscriptionGroup=false)", c.Group),
		"create it on all masters, such as by: mqadmin updateSubGroup with -c and -g "+c.Group)
}

// groupConfig asks a broker for the consumer group. It asks for the one alone only if that
// does not create it (see headers.AllSubscriptionGroups), and if the broker knows the
// question, which those before 5.0.0 do not.
func (c *checker) groupConfig(addr string, version headers.Version, createsNone bool) (config headers.SubscriptionGroupConfig, exists bool, err error) {
	if !createsNone || version < headers.Version5_0_0 {
		answer, _, err := c.ask(addr, headers.AllSubscriptionGroups{}, nil)
		if err != nil {
			return config, false, err
		}
		all, err := headers.ParseSubscriptionGroups(answer.Body)
		config, exists = all[c.Group]
		return config, exists, err
	}
	answer, _, err := c.ask(addr, &headers.GroupRequest{Code: headers.CodeSubscriptionGroup, ConsumerGroup: c.Group}, nil)
	if isNoGroup(err) {
		return config, false, nil
	}
	if err != nil {
		return config, false, err
	}
	config, err = headers.ParseSubscriptionGroupConfig(answer.Body)
	return config, err == nil, err
}

// isNoGroup reports whether a broker says that it does not have a group: 5.3.3 and 5.5.0
// by a code, 5.1.4 by the remark alone (AdminBrokerProcessor.getSubscriptionGroup).
func isNoGroup(err error) bool {
	var status *headers.StatusError
	if !errors.As(err, &status) {
		return false
	}
	return status.Code == headers.SubscriptionGroupNotExist ||
		status.Code == headers.SystemError && strings.HasPrefix(status.Remark, "No group in this broker")
}

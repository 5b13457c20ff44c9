package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// routesFound is what all name servers say of one topic.
type routesFound struct {
	infos []*routing.TopicInfo
	// missing are the name servers that do not know the topic.
	missing []string
	// err is the first of what failed.
	err error
}

// one returns what the first name server says that knows the topic.
func (r routesFound) one() (*routing.TopicInfo, bool) {
	if len(r.infos) == 0 {
		return nil, false
	}
	return r.infos[0], true
}

// topicInfo asks each name server that answers for the topic.
func (c *checker) topicInfo(topic string) routesFound {
	var all routesFound
	for _, s := range c.nameServers {
		if !s.answers {
			continue
		}
		ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
		info, err := routing.InspectTopic(ctx, c.Client, s.addr, topic)
		cancel()
		switch {
		case err == nil:
			all.infos = append(all.infos, info)
		case errors.Is(err, &headers.StatusError{Code: headers.TopicNotExist}):
			all.missing = append(all.missing, s.addr)
		case all.err == nil:
			all.err = err
		}
	}
	return all
}

// topic looks at a topic, and returns the brokers that publishing to it needs.
func (c *checker) topic(topic string) found {
	mapped, err := c.Topic(topic)
	if err != nil {
		item := bad(check.Topic, topic, err.Error(), "choose another name, or another Config.Topics")
		item.Err = err
		return found{items: []check.Item{item}}
	}
	subject := topic
	if mapped != topic {
		subject = fmt.Sprintf("%s (in RocketMQ %s)", topic, mapped)
	}
	routes := c.topicInfo(mapped)
	info, known := routes.one()
	switch {
	case known:
		items := []check.Item{c.existing(subject, info, routes.missing)}
		if info.Static {
			return found{items: items}
		}
		if c.Use == Subscribing {
			items = append(items, readable(subject, info, c.Cluster.Credentials != nil), served(subject, info))
			return found{items: items, brokers: topicBrokers(info)}
		}
		permission, master := c.writable(subject, info), mastered(subject, info)
		if !usable(info) {
			// What one broker lacks no other makes up for.
			permission, master = aggravated(permission), aggravated(master)
		}
		return found{items: append(items, permission, master), brokers: topicBrokers(info)}
	case c.ended() != nil:
		return found{items: c.noRoute(subject, "the check has ended: "+c.ended().Error())}
	case len(routes.missing) == 0 && routes.err != nil:
		return found{items: []check.Item{c.failed(check.Topic, subject, routes.err, "the name servers have to answer")}}
	case len(routes.missing) == 0:
		return found{items: c.noRoute(subject, "no name server answers")}
	}
	item := c.missing(subject, mapped)
	creates := c.CreateTopics.Enabled && item.Status == check.OK
	return found{items: []check.Item{item}, brokers: c.brokers, creates: creates}
}

// noRoute are the items of a topic that nothing can be said of.
func (c *checker) noRoute(subject, reason string) []check.Item {
	return []check.Item{
		unknown(check.Topic, subject, reason),
		unknown(c.Use.permission(), subject, reason),
		unknown(check.Master, subject, reason),
	}
}

// existing looks at a topic that name servers know.
func (c *checker) existing(subject string, info *routing.TopicInfo, missing []string) check.Item {
	var queues int32
	var names []string
	for _, q := range info.Queues {
		queues += c.Use.queues(q)
		names = append(names, q.BrokerName)
	}
	where := strings.Join(names, ", ")
	switch {
	case info.Static:
		return bad(check.Topic, subject, "is a static topic (logical queues), which this client does not know", "use another topic")
	case len(info.Queues) == 0:
		return bad(check.Topic, subject, "has a route without queues: no sound name server answers so", "look at the name servers' logs and at the brokers' registration")
	case queues == 0 && c.Use == Subscribing:
		return bad(check.Topic, subject, "has no queues to read from on "+where, "mqadmin updateTopic with -r of 1 or more")
	case queues == 0:
		return bad(check.Topic, subject, "has no queues to write to on "+where, "mqadmin updateTopic with -w of 1 or more")
	case len(missing) > 0:
		return warning(check.Topic, subject, fmt.Sprintf("exists on %s, but name server %s does not know it", where, strings.Join(missing, ", ")),
			"each broker has to name every name server in its namesrvAddr; after a start it takes up to 30 s")
	}
	return fine(check.Topic, subject, fmt.Sprintf("exists, %d queues on %s", queues, where))
}

// missing looks at what becomes of a message to a topic that does not exist.
func (c *checker) missing(subject, name string) check.Item {
	settings := &c.CreateTopics
	if c.Use == Subscribing && !settings.Enabled {
		return c.unread(subject, name)
	}
	switch {
	case !slices.ContainsFunc(c.nameServers, func(s nameServerFound) bool { return s.knows }):
		return bad(check.Topic, subject, "does not exist, and a proxy creates none: "+c.Use.method()+" fails", "create it at the cluster behind the proxy, such as by mqadmin updateTopic")
	case len(c.brokers) == 0:
		return bad(check.Topic, subject, "does not exist, as far as is known without a broker: "+c.Use.method()+" waits for one", "start the brokers first")
	case settings.Enabled && settings.Cluster == "" && slices.ContainsFunc(c.brokers, func(b routing.BrokerInfo) bool { return b.Cluster != c.brokers[0].Cluster }):
		item := bad(check.Topic, subject, "does not exist, and cannot be created: "+topics.ErrSeveralClusters.Error(), "set Config.CreateTopics.Cluster")
		item.Err = topics.ErrSeveralClusters
		return item
	case settings.Enabled && c.Cluster.Credentials != nil:
		return fine(check.Topic, subject, "does not exist; the first "+c.Use.method()+" creates it on all masters, if its user may (Config.CreateTopics: "+settings.String()+")")
	case settings.Enabled:
		return fine(check.Topic, subject, "does not exist; the first "+c.Use.method()+" creates it on all masters (Config.CreateTopics: "+settings.String()+")")
	}
	create := "create it, such as by: " + c.creation(name) + "; or by Publisher.CreateTopic, or set Config.CreateTopics.Enabled"
	if c.creates("") {
		return warning(check.Topic, subject, "does not exist; the broker that gets the first message would create it by itself, on that broker alone", create)
	}
	return bad(check.Topic, subject, "does not exist, and brokers do not create it: Publish fails", create)
}

// creation is the command that creates the topic, with the addresses and names of
// this cluster, which are known.
func (c *checker) creation(topic string) string {
	var clusters []string
	for _, b := range c.brokers {
		if !slices.Contains(clusters, b.Cluster) {
			clusters = append(clusters, b.Cluster)
		}
	}
	if in := c.CreateTopics.Cluster; in != "" {
		clusters = []string{in}
	}
	at := slices.IndexFunc(c.nameServers, func(s nameServerFound) bool { return s.knows })
	command := func(cluster string) string {
		return "mqadmin updateTopic -n " + c.nameServers[at].addr + " -c " + cluster + " -t " + topic + " -r 8 -w 8"
	}
	if len(clusters) > 1 {
		return command("CLUSTER") + ", where CLUSTER is one of " + strings.Join(clusters, ", ")
	}
	return command(clusters[0])
}

// creates reports whether a broker creates topics when it gets a message, as the
// default topic's route says; any broker if its name is empty.
func (c *checker) creates(broker string) bool {
	const perm = headers.PermWrite | headers.PermInherit
	return c.defaults != nil && slices.ContainsFunc(c.defaults.Queues, func(q routing.TopicQueues) bool {
		return (broker == "" || q.BrokerName == broker) && q.Perm&perm == perm
	})
}

// closedTo returns the brokers on which the topic's queues lack a permission.
func closedTo(info *routing.TopicInfo, perm int32) []string {
	var closed []string
	for _, q := range info.Queues {
		if q.Perm&perm == 0 {
			closed = append(closed, q.BrokerName)
		}
	}
	return closed
}

// writable looks at the permission of the topic's queues.
func (c *checker) writable(subject string, info *routing.TopicInfo) check.Item {
	closed := closedTo(info, headers.PermWrite)
	const advice = "mqadmin updateTopic with -p 6, or mqadmin addWritePerm for a broker that was taken out of service"
	switch {
	case len(closed) == len(info.Queues):
		return bad(check.WritePermission, subject, "no broker lets producers write: Publish fails", advice)
	case len(closed) > 0:
		return warning(check.WritePermission, subject, strings.Join(closed, ", ")+" does not let producers write; others get all messages", advice)
	case c.Cluster.Credentials != nil:
		return fine(check.WritePermission, subject, "granted to producers by the route; whether this user has it too shows with the first message")
	}
	return fine(check.WritePermission, subject, "granted to producers by the route")
}

// mastered looks for the masters of the topic's brokers.
func mastered(subject string, info *routing.TopicInfo) check.Item {
	var without []string
	for _, q := range info.Queues {
		b, _ := info.Broker(q.BrokerName)
		if _, ok := b.Master(); !ok {
			without = append(without, q.BrokerName)
		}
	}
	const advice = "start the master (brokerId=0), which alone takes messages"
	switch {
	case len(without) == len(info.Queues):
		return bad(check.Master, subject, "no broker of the topic has a master: Publish fails", advice)
	case len(without) > 0:
		return warning(check.Master, subject, strings.Join(without, ", ")+" has no master: its queues get no messages", advice)
	}
	return fine(check.Master, subject, "present on each broker of the topic")
}

// usable reports whether a queue of the topic takes messages now.
func usable(info *routing.TopicInfo) bool {
	return slices.ContainsFunc(info.Queues, func(q routing.TopicQueues) bool {
		b, _ := info.Broker(q.BrokerName)
		_, ok := b.Master()
		return ok && writes(q)
	})
}

func writes(q routing.TopicQueues) bool { return q.Write > 0 && q.Perm&headers.PermWrite != 0 }

func topicBrokers(info *routing.TopicInfo) []routing.BrokerInfo {
	var brokers []routing.BrokerInfo
	for _, q := range info.Queues {
		if b, ok := info.Broker(q.BrokerName); ok {
			brokers = append(brokers, b)
		}
	}
	return brokers
}

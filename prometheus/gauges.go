package promrocketmq

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// gauges are made of the Stats of publishers and subscribers, at each scrape.
type gauges struct {
	publishers  *registry[publisher.Publisher]
	subscribers *registry[subscriber.Subscriber]
	topics      *names // Watermill's
	routes      *names // RocketMQ's topics

	waitingMessages, waitingBytes, calls, requests, transactions *prometheus.Desc
	inFlightMessages, inFlightBytes, handedOut, pendingAcks      *prometheus.Desc
	queues                                                       *prometheus.Desc
	connections, connectionRequests, routeUpdated                *prometheus.Desc
	writeQueues, readQueues                                      *prometheus.Desc
}

func newGauges(topics, routes *names) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rocketmq_"+name, help, labels, nil)
	}
	return &gauges{
		publishers:  newRegistry[publisher.Publisher](),
		subscribers: newRegistry[subscriber.Subscriber](),
		topics:      topics,
		routes:      routes,

		waitingMessages: desc("publisher_waiting_messages", "Messages that were let in and have no result yet, those that are being sent among them."),
		waitingBytes:    desc("publisher_waiting_bytes", "Bytes that the waiting messages are counted with."),
		calls:           desc("publisher_calls_in_flight", "Calls under way that Close would wait for."),
		requests:        desc("publisher_requests_in_flight", "Send requests under way."),
		transactions:    desc("publisher_open_transactions", "Transactions that are open."),

		inFlightMessages: desc("subscriber_in_flight_messages", "Messages that have come and are not answered for good.", "topic", "group"),
		inFlightBytes:    desc("subscriber_in_flight_bytes", "Bytes of the messages in flight.", "topic", "group"),
		handedOut:        desc("subscriber_handed_out_messages", "Messages in flight that handlers have; the others wait for a receiver.", "topic", "group"),
		pendingAcks:      desc("subscriber_pending_acks", "Acks that brokers have not confirmed; with Pull, that are not in a committed offset.", "topic", "group"),
		queues:           desc("subscriber_queues", "Queues that belong to this member (Pull), or that it reads one by one (Ordered).", "topic", "group"),

		connections:        desc("client_connections", "Live connections to brokers and name servers."),
		connectionRequests: desc("client_requests_in_flight", "Requests without an answer yet, those among them that brokers hold until there are messages."),
		routeUpdated:       desc("client_route_updated_timestamp_seconds", "When the name servers last gave the route of a topic. The oldest, if several clients have it.", "rocketmq_topic"),
		writeQueues:        desc("client_route_write_queues", "Queues of a topic to publish to.", "rocketmq_topic"),
		readQueues:         desc("client_route_read_queues", "Queues of a topic to read.", "rocketmq_topic"),
	}
}

func (g *gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		g.waitingMessages, g.waitingBytes, g.calls, g.requests, g.transactions,
		g.inFlightMessages, g.inFlightBytes, g.handedOut, g.pendingAcks, g.queues,
		g.connections, g.connectionRequests, g.routeUpdated, g.writeQueues, g.readQueues,
	} {
		descs <- d
	}
}

func (g *gauges) Collect(metrics chan<- prometheus.Metric) {
	out := sink{metrics}
	clients := make(map[*rocketmq.Client]rocketmq.ClientStats)
	g.collectPublishers(out, clients)
	g.collectSubscribers(out, clients)
	if len(clients) > 0 {
		g.collectClients(out, clients)
	}
}

// collectPublishers adds what publishers have, and their clients.
func (g *gauges) collectPublishers(out sink, clients map[*rocketmq.Client]rocketmq.ClientStats) {
	publishers := g.publishers.list()
	if len(publishers) == 0 {
		return
	}
	var sum publisher.Stats
	for _, p := range publishers {
		s := p.Stats()
		clients[p.Client()] = s.Client
		sum.Waiting.Messages += s.Waiting.Messages
		sum.Waiting.Bytes += s.Waiting.Bytes
		sum.Calls += s.Calls
		sum.Requests += s.Requests
		sum.Transactions += s.Transactions
	}
	out.send(g.waitingMessages, sum.Waiting.Messages)
	out.send(g.waitingBytes, sum.Waiting.Bytes)
	out.send(g.calls, sum.Calls)
	out.send(g.requests, sum.Requests)
	out.send(g.transactions, sum.Transactions)
}

// collectSubscribers adds what subscriptions have, and their clients.
func (g *gauges) collectSubscribers(out sink, clients map[*rocketmq.Client]rocketmq.ClientStats) {
	type sum struct {
		inFlight                       subscriber.InFlight
		handedOut, pendingAcks, queues int
	}
	sums := make(map[topicGroup]sum)
	for _, s := range g.subscribers.list() {
		stats := s.Stats()
		clients[s.Client()] = stats.Client
		for _, sub := range stats.Subscriptions {
			key := topicGroup{g.topics.label(sub.Topic), stats.Group}
			one := sums[key]
			one.inFlight.Messages += sub.InFlight.Messages
			one.inFlight.Bytes += sub.InFlight.Bytes
			one.handedOut += sub.HandedOut
			one.pendingAcks += sub.PendingAcks
			one.queues += len(sub.Queues)
			sums[key] = one
		}
	}
	for key, one := range sums {
		out.send(g.inFlightMessages, one.inFlight.Messages, key.topic, key.group)
		out.send(g.inFlightBytes, one.inFlight.Bytes, key.topic, key.group)
		out.send(g.handedOut, one.handedOut, key.topic, key.group)
		out.send(g.pendingAcks, one.pendingAcks, key.topic, key.group)
		out.send(g.queues, one.queues, key.topic, key.group)
	}
}

// collectClients has each Client once, however many publishers and subscribers it is lent to.
func (g *gauges) collectClients(out sink, clients map[*rocketmq.Client]rocketmq.ClientStats) {
	type route struct {
		updated     time.Time
		write, read int
	}
	connections, requests, routes := 0, 0, make(map[string]route)
	for _, client := range clients {
		connections += len(client.Connections)
		for _, c := range client.Connections {
			requests += c.Requests
		}
		for _, r := range client.Routes {
			topic := g.routes.label(r.Topic)
			one, ok := routes[topic]
			if !ok || r.Updated.Before(one.updated) {
				one.updated = r.Updated
			}
			one.write, one.read = max(one.write, r.WriteQueues), max(one.read, r.ReadQueues)
			routes[topic] = one
		}
	}
	out.send(g.connections, connections)
	out.send(g.connectionRequests, requests)
	for topic, r := range routes {
		out.sendSeconds(g.routeUpdated, float64(r.updated.UnixMilli())/1000, topic)
		out.send(g.writeQueues, r.write, topic)
		out.send(g.readQueues, r.read, topic)
	}
}

// sink takes gauges.
type sink struct{ metrics chan<- prometheus.Metric }

func (s sink) send(desc *prometheus.Desc, n int, labels ...string) {
	s.sendSeconds(desc, float64(n), labels...)
}

func (s sink) sendSeconds(desc *prometheus.Desc, v float64, labels ...string) {
	s.metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
}

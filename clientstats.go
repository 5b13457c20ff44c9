package rocketmq

import (
	"time"
)

// ClientStats is what a Client has at a moment, for gauges.
type ClientStats struct {
	// Connections are the live connections, by address.
	Connections []ConnectionStats
	// Routes are those of the topics in use, by topic.
	Routes []RouteStats
}

// ConnectionStats is a connection to a broker or name server.
type ConnectionStats struct {
	Addr string
	// Requests is how many requests have no answer yet. With a subscriber those are among
	// them that brokers hold until there are messages.
	Requests int
}

// RouteStats is the route of a topic.
type RouteStats struct {
	// Topic is RocketMQ's name.
	Topic string
	// WriteQueues and ReadQueues are how many queues the topic has to publish to and to read.
	WriteQueues, ReadQueues int
	// Updated is when the name servers last gave the route, changed or not. It is looked up
	// again every Cluster.RouteRefreshInterval, so that one that is older is a sign of name
	// servers that do not answer.
	Updated time.Time
}

// Stats returns what the Client has at the moment. It waits for nothing but short locks, and
// is made for being called every few seconds. The slices are the caller's.
func (c *Client) Stats() ClientStats {
	connections, routes := c.session.Connections(), c.session.CachedRoutes()
	s := ClientStats{
		Connections: make([]ConnectionStats, len(connections)),
		Routes:      make([]RouteStats, len(routes)),
	}
	for i, cn := range connections {
		s.Connections[i] = ConnectionStats(cn)
	}
	for i, r := range routes {
		s.Routes[i] = RouteStats{Topic: r.Topic, Updated: r.Updated}
		if r.Write != nil {
			s.Routes[i].WriteQueues = len(r.Write.WriteQueues())
		}
		if r.Read != nil {
			s.Routes[i].ReadQueues = len(r.Read.ReadQueues())
		}
	}
	return s
}

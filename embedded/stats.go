package embedded

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// ServerStats are the counts of one server since Start.
type ServerStats struct {
	// Accepted is the number of connections that were accepted, Open the number
	// of those that are still there.
	Accepted int
	Open     int
	// Requests counts the requests that arrived, by code: the first 1,024 codes.
	Requests map[headers.RequestCode]int
}

// Stats are the counts of a cluster, by server name ("broker-a",
// "nameserver-0").
type Stats map[string]ServerStats

// Requests is the number of requests with one of codes, at all servers.
func (s Stats) Requests(codes ...headers.RequestCode) int {
	n := 0
	for _, server := range s {
		for _, code := range codes {
			n += server.Requests[code]
		}
	}
	return n
}

// Accepted is the number of connections accepted, at all servers.
func (s Stats) Accepted() int {
	n := 0
	for _, server := range s {
		n += server.Accepted
	}
	return n
}

// Stats returns what the servers have counted until now. The copy is the
// caller's.
func (c *Cluster) Stats() Stats {
	s := make(Stats)
	for _, srv := range c.servers() {
		s[srv.Name()] = srv.stats()
	}
	return s
}

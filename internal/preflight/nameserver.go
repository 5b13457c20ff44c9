package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// nameServerFound is what a name server has said of itself and of brokers.
type nameServerFound struct {
	addr string
	// answers says that it can be asked for routes.
	answers bool
	// knows says that brokers is what it knows; a proxy does not tell.
	knows   bool
	brokers []routing.BrokerInfo
	items   []check.Item
}

// askNameServers looks at every name server.
func (c *checker) askNameServers() []check.Item {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	addrs, err := c.Routes.NameServers(ctx)
	if err != nil {
		return []check.Item{c.failed(check.NameServer, "all", err, "mend what is to find the name servers")}
	}
	slices.Sort(addrs)
	c.nameServers = make([]nameServerFound, len(addrs))
	var items []check.Item
	c.each(len(addrs), func(i int) found {
		c.nameServers[i] = c.nameServer(addrs[i])
		return found{}
	})
	spare := slices.ContainsFunc(c.nameServers, func(s nameServerFound) bool { return s.answers })
	for _, s := range c.nameServers {
		for _, item := range s.items {
			if !s.answers && spare {
				item = lessened(item) // the others are asked instead
			}
			items = append(items, item)
		}
		for _, b := range s.brokers {
			if !slices.ContainsFunc(c.brokers, func(o routing.BrokerInfo) bool { return o.Name == b.Name }) {
				c.brokers = append(c.brokers, b)
			}
		}
	}
	return items
}

func (c *checker) nameServer(addr string) nameServerFound {
	s := nameServerFound{addr: addr}
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	brokers, err := routing.InspectBrokers(ctx, c.Client, addr)
	took := time.Since(began)
	var item check.Item
	version := c.Client.PeerVersion(addr)
	switch {
	case err == nil:
		s.answers, s.knows, s.brokers = true, true, brokers
		item = fine(check.NameServer, addr, fmt.Sprintf("answers, RocketMQ %s, brokers: %d", version, len(brokers)))
	case errors.Is(err, &headers.StatusError{Code: headers.RequestNotSupported}):
		s.answers = true
		item = fine(check.NameServer, addr, fmt.Sprintf("answers, RocketMQ %s, but tells of no brokers: it is a proxy", version))
	default:
		advice := "check the address, the network between, and that it is a name server"
		if c.Cluster.TLS == nil {
			advice += "; one that wants TLS hangs up: Cluster.TLS"
		}
		item = c.failed(check.NameServer, addr, err, advice)
	}
	item.Took = took
	s.items = append([]check.Item{item}, c.encryption("name server "+addr, addr, func(ctx context.Context) error {
		_, err := routing.InspectBrokers(ctx, c.plain, addr)
		return err
	})...)
	return s
}

// registered looks at what name servers know of brokers: each should know all.
func (c *checker) registered() check.Item {
	subject := "at all name servers"
	var names, missing, clusters []string
	for _, b := range c.brokers {
		names = append(names, b.Name)
		if !slices.Contains(clusters, b.Cluster) {
			clusters = append(clusters, b.Cluster)
		}
	}
	asked := 0
	for _, s := range c.nameServers {
		if !s.knows {
			continue
		}
		asked++
		for _, name := range names {
			if !slices.ContainsFunc(s.brokers, func(b routing.BrokerInfo) bool { return b.Name == name }) {
				missing = append(missing, fmt.Sprintf("%s does not know %s", s.addr, name))
			}
		}
	}
	switch {
	case c.ended() != nil && asked == 0:
		return c.failed(check.Brokers, subject, c.ended(), "")
	case asked == 0:
		return unknown(check.Brokers, subject, "no name server has told")
	case len(names) == 0:
		return bad(check.Brokers, subject, "no broker is registered",
			"start a broker, or look at its namesrvAddr; it registers when it starts and every 30 s")
	case len(missing) > 0:
		return warning(check.Brokers, subject, strings.Join(missing, ", "),
			"each broker has to name every name server in its namesrvAddr; after a start it takes up to 30 s")
	}
	return fine(check.Brokers, subject, fmt.Sprintf("%s of %s", strings.Join(names, ", "), strings.Join(clusters, ", ")))
}

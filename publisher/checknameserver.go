package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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
	items   []CheckItem
}

// askNameServers looks at every name server.
func (c *check) askNameServers() []CheckItem {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	addrs, err := c.p.routes.NameServers(ctx)
	if err != nil {
		return []CheckItem{c.failed(CheckNameServer, "all", err, "mend what is to find the name servers")}
	}
	slices.Sort(addrs)
	c.nameServers = make([]nameServerFound, len(addrs))
	var items []CheckItem
	c.each(len(addrs), func(i int) found {
		c.nameServers[i] = c.nameServer(addrs[i])
		return found{}
	})
	spare := slices.ContainsFunc(c.nameServers, func(s nameServerFound) bool { return s.answers })
	for _, s := range c.nameServers {
		for _, item := range s.items {
			if !s.answers && spare {
				item.Warning = item.Verdict == CheckBad // the others are asked instead
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

func (c *check) nameServer(addr string) nameServerFound {
	s := nameServerFound{addr: addr}
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := c.p.now()
	brokers, err := routing.InspectBrokers(ctx, c.p.client, addr)
	took := c.p.now().Sub(began)
	var item CheckItem
	version := c.p.client.PeerVersion(addr)
	switch {
	case err == nil:
		s.answers, s.knows, s.brokers = true, true, brokers
		item = fine(CheckNameServer, addr, fmt.Sprintf("answers, RocketMQ %s, brokers: %d", version, len(brokers)))
	case errors.Is(err, &headers.StatusError{Code: headers.RequestNotSupported}):
		s.answers = true
		item = fine(CheckNameServer, addr, fmt.Sprintf("answers, RocketMQ %s, but tells of no brokers: it is a proxy", version))
	default:
		advice := "check the address, the network between, and that it is a name server"
		if c.p.cfg.TLS == nil {
			advice += "; one that wants TLS hangs up: Config.TLS"
		}
		item = c.failed(CheckNameServer, addr, err, advice)
	}
	item.Took = took
	s.items = append([]CheckItem{item}, c.encryption("name server "+addr, addr, func(ctx context.Context) error {
		_, err := routing.InspectBrokers(ctx, c.plain, addr)
		return err
	})...)
	return s
}

// registered looks at what name servers know of brokers: each should know all.
func (c *check) registered() CheckItem {
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
		return c.failed(CheckBrokers, subject, c.ended(), "")
	case asked == 0:
		return notKnown(CheckBrokers, subject, "no name server has told")
	case len(names) == 0:
		return bad(CheckBrokers, subject, "no broker is registered",
			"start a broker, or look at its namesrvAddr; it registers when it starts and every 30 s")
	case len(missing) > 0:
		return warning(CheckBrokers, subject, strings.Join(missing, ", "),
			"each broker has to name every name server in its namesrvAddr; after a start it takes up to 30 s")
	}
	return fine(CheckBrokers, subject, fmt.Sprintf("%s of %s", strings.Join(names, ", "), strings.Join(clusters, ", ")))
}

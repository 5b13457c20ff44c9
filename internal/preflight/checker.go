// Package preflight looks at all that a client of a cluster depends on, before the first
// message: name servers, routes, brokers. It stores nothing.
package preflight

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

const (
	// checkTimeout bounds each question of a check, dialing included.
	checkTimeout = 3 * time.Second
	// mostAtOnce is how many servers or topics are looked at at once.
	mostAtOnce = 32
)

// Run looks at everything, and at these topics, by the names that the client's callers
// use. Without topics, and for a topic that does not exist, it looks at all brokers of
// the cluster. When ctx ends, or the client closes, what is left is unknown. The error is
// that of a Cluster that no connection can be made with.
func Run(ctx context.Context, cfg Config, topics []string) (check.Report, error) {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the check
		select {
		case <-cfg.Closed:
			cancel(cfg.ErrClosed)
		case <-ctx.Done():
		}
	})
	defer wg.Wait()
	defer cancel(nil)
	c := &checker{Config: cfg, ctx: ctx}
	if cfg.Cluster.TLS != nil {
		var err error
		if c.plain, err = transport.New(transport.Config{Dial: cfg.Cluster.Dial, DialTimeout: cfg.Cluster.DialTimeout}); err != nil {
			return check.Report{}, err
		}
		defer func() { _ = c.plain.Close() }() // it cannot fail
	}
	items := c.run(topics)
	return check.Report{Items: items, Took: time.Since(began)}, nil
}

// checker is one run.
type checker struct {
	Config
	ctx context.Context
	// plain speaks no TLS and has no credentials; nil where TLS is off.
	plain *transport.Client

	// What name servers have said. Set by run, in this order.
	nameServers []nameServerFound
	brokers     []routing.BrokerInfo // of all clusters
	defaults    *routing.TopicInfo   // the default topic, nil if there is none

	// creating says that Publish would create one of the topics that were asked for.
	creating bool
	// mastered says that one of the brokers that are looked at has a master.
	mastered bool
}

// run looks at everything, and returns the items in their order.
func (c *checker) run(topics []string) []check.Item {
	var items []check.Item
	if c.Cluster.TLS == nil {
		items = append(items, fine(check.TLS, "all servers", "off: Cluster.TLS is nil, messages travel in plain text"))
	}
	items = append(items, c.askNameServers()...)
	items = append(items, c.registered())
	c.defaults, _ = c.topicInfo(c.DefaultTopic).one()
	var asked []routing.BrokerInfo
	for _, t := range c.each(len(topics), func(i int) found { return c.topic(topics[i]) }) {
		items = append(items, t.items...)
		asked = append(asked, t.brokers...)
		c.creating = c.creating || t.creates
	}
	if c.TraceTopic != "" {
		items = append(items, c.trace(c.TraceTopic))
	}
	if len(asked) == 0 {
		asked = c.brokers
	}
	slices.SortFunc(asked, func(a, b routing.BrokerInfo) int { return strings.Compare(a.Name, b.Name) })
	asked = slices.CompactFunc(asked, func(a, b routing.BrokerInfo) bool { return a.Name == b.Name })
	if len(asked) == 0 {
		return append(items, c.unreached("all brokers", "no name server has told of a broker")...)
	}
	c.mastered = slices.ContainsFunc(asked, func(b routing.BrokerInfo) bool { _, ok := b.Master(); return ok })
	for _, b := range c.each(len(asked), func(i int) found { return found{items: c.broker(asked[i])} }) {
		items = append(items, b.items...)
	}
	return items
}

// found is what looking at one thing has brought.
type found struct {
	items   []check.Item
	brokers []routing.BrokerInfo
	creates bool // Publish creates the topic
}

// each calls look for 0 to n-1, several at once, and returns what they have found.
func (c *checker) each(n int, look func(i int) found) []found {
	all := make([]found, n)
	fanout.Each(n, mostAtOnce, func(i int) { all[i] = look(i) })
	return all
}

// ask puts a question to a server and returns its answer and how long that took.
func (c *checker) ask(addr string, r headers.Request, body []byte) (headers.Command, time.Duration, error) {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := time.Now()
	answer, err := headers.Successful(c.Client.Invoke(ctx, addr, r, body))
	return answer, time.Since(began), err
}

// ended returns why the check is over before it has seen everything, nil if it is
// not. When the client closes, calls may end before the check's context.
func (c *checker) ended() error {
	if err := ctxerr.Of(c.ctx); err != nil {
		return err
	}
	select {
	case <-c.Closed:
		return c.ErrClosed
	default:
		return nil
	}
}

package publisher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// checkTimeout bounds each question of a check, dialing included.
const checkTimeout = 3 * time.Second

// Check looks at all that publishing depends on, and reports it: name servers,
// the topics' routes, and their brokers. Topics are those that Publish takes,
// mapped by Config.Topics. Without topics, and for a topic that does not exist, it
// looks at all brokers of the cluster. Call it before the first message, or when
// messages fail:
//
//	report, err := pub.Check(ctx, "orders")
//	if err != nil {
//		return err
//	}
//	fmt.Println(report)
//	return report.Err() // what keeps messages from being published
//
// Nothing is stored by a check, neither messages nor topics nor consumer groups.
// Brokers get the heartbeat that they get from a publisher anyhow, which they keep
// in memory as long as the connection lasts. What is read is what clients and
// admin tools may ask for (GET_BROKER_CLUSTER_INFO, GET_ROUTEINFO_BY_TOPIC,
// HEART_BEAT, GET_BROKER_CONFIG, GET_BROKER_RUNTIME_INFO); a broker that does not
// answer such a question makes its items CheckNotKnown. With Config.TLS each
// server is also asked once in plain text, without credentials.
//
// Each question takes 3 s at most, and servers are asked side by side. When ctx
// ends, what is left is CheckNotKnown; the report is always there. The error is
// ErrClosed, or nil. Whether the user may publish to a topic is known only when a
// message is sent, and whether it may create one only when it does.
func (p *Publisher) Check(ctx context.Context, topics ...string) (CheckReport, error) {
	if !p.enter() {
		return CheckReport{}, ErrClosed
	}
	defer p.leave()
	began := p.now()
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { // ends with the check
		select {
		case <-p.cut:
			cancel(ErrClosed)
		case <-ctx.Done():
		}
	})
	defer wg.Wait()
	defer cancel(nil)
	c := &check{p: p, ctx: ctx}
	if p.cfg.TLS != nil {
		var err error
		if c.plain, err = transport.New(transport.Config{Dial: p.cfg.Dial, DialTimeout: p.cfg.DialTimeout}); err != nil {
			return CheckReport{}, fmt.Errorf("publisher: %w", err)
		}
		defer func() { _ = c.plain.Close() }() // it cannot fail
	}
	items := c.run(topics)
	return CheckReport{Items: items, Took: p.now().Sub(began)}, nil
}

// check is one run of Check.
type check struct {
	p   *Publisher
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
func (c *check) run(topics []string) []CheckItem {
	var items []CheckItem
	if c.p.cfg.TLS == nil {
		items = append(items, fine(CheckTLS, "all servers", "off: Config.TLS is nil, messages travel in plain text"))
	}
	items = append(items, c.askNameServers()...)
	items = append(items, c.registered())
	c.defaults, _ = c.topicInfo(c.p.cfg.AutoCreate.DefaultTopic).one()
	var asked []routing.BrokerInfo
	for _, t := range c.each(len(topics), func(i int) found { return c.topic(topics[i]) }) {
		items = append(items, t.items...)
		asked = append(asked, t.brokers...)
		c.creating = c.creating || t.creates
	}
	if c.p.cfg.Trace.Enabled {
		items = append(items, c.trace(c.p.cfg.Trace.Topic))
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
	items   []CheckItem
	brokers []routing.BrokerInfo
	creates bool // Publish creates the topic
}

// each calls look for 0 to n-1 at once and returns what they have found.
func (c *check) each(n int, look func(i int) found) []found {
	all := make([]found, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { all[i] = look(i) })
	}
	wg.Wait()
	return all
}

// ask puts a question to a server and returns its answer and how long that took.
func (c *check) ask(addr string, r headers.Request, body []byte) (headers.Command, time.Duration, error) {
	ctx, cancel := context.WithTimeout(c.ctx, checkTimeout)
	defer cancel()
	began := c.p.now()
	answer, err := c.p.client.Invoke(ctx, addr, r, body)
	if err == nil {
		err = answer.Err()
	}
	return answer, c.p.now().Sub(began), err
}

// ended returns why the check is over before it has seen everything, nil if it is
// not. When the publisher is cut off, calls may end before the check's context.
func (c *check) ended() error {
	if err := contextError(c.ctx); err != nil {
		return err
	}
	select {
	case <-c.p.cut:
		return ErrClosed
	default:
		return nil
	}
}

func fine(aspect CheckAspect, subject, reason string) CheckItem {
	return CheckItem{Aspect: aspect, Subject: subject, Verdict: CheckOK, Reason: reason}
}

func bad(aspect CheckAspect, subject, reason, advice string) CheckItem {
	return CheckItem{Aspect: aspect, Subject: subject, Verdict: CheckBad, Reason: reason, Advice: advice}
}

// warning is a bad item that keeps no message from being published.
func warning(aspect CheckAspect, subject, reason, advice string) CheckItem {
	item := bad(aspect, subject, reason, advice)
	item.Warning = true
	return item
}

func notKnown(aspect CheckAspect, subject, reason string) CheckItem {
	return CheckItem{Aspect: aspect, Subject: subject, Verdict: CheckNotKnown, Reason: reason}
}

// failed is a bad item for an error; one that is not known if it was the check
// that ended.
func (c *check) failed(aspect CheckAspect, subject string, err error, advice string) CheckItem {
	if refusal := refusalOf(err); refusal != nil {
		err = refusal
		if a := adviceFor(refusal); a != "" {
			advice = a
		}
	}
	item := bad(aspect, subject, reasonOf(err), advice)
	item.Err = err
	if c.ended() != nil {
		item.Verdict, item.Advice = CheckNotKnown, ""
		item.Reason = "the check has ended: " + c.ended().Error()
	}
	return item
}

// reasonOf is the error in words for a report.
func reasonOf(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", checkTimeout)
	}
	if op, ok := err.(*transport.OpError); ok {
		return op.Err.Error() // where it happened is the item's subject
	}
	return err.Error()
}

// adviceFor says what to do about a refusal.
func adviceFor(err error) string {
	var credentials *CredentialsError
	var authentication *AuthenticationError
	var certificate *CertificateError
	var access *AccessError
	switch {
	case errors.As(err, &credentials):
		return "mend what Config.Credentials returns"
	case errors.As(err, &certificate) && certificate.ByPeer:
		return "the server wants another client certificate: Config.TLS.Certificates"
	case errors.As(err, &certificate):
		return "the certificate has to name the server's host and come from an authority in Config.TLS.RootCAs"
	case errors.As(err, &authentication) && authentication.Reason == MissingCredentials:
		return "the server wants credentials: Config.Credentials"
	case errors.As(err, &authentication):
		return "check Config.Credentials against the broker's users"
	case errors.As(err, &access):
		return "give the user the permission on the broker"
	}
	return ""
}

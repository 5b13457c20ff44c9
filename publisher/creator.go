package publisher

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

const (
	// createTimeout bounds one request to a broker about a topic, as Java's
	// mqClientApiTimeout does.
	createTimeout = 3 * time.Second
	// routedTimeout bounds the wait for the name servers to show a new topic.
	// Brokers tell them before they answer.
	routedTimeout = 3 * time.Second
	// sinceMessageTypes is the version that brought topic attributes.
	sinceMessageTypes = "5.0.0"
)

// creator creates topics. One goroutine for each topic that is being created does
// it, so that callers that come and go share the work; close ends and awaits
// them.
type creator struct {
	p      *Publisher
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex // guards what follows
	closed   bool
	underWay map[creation]*outcomeOfCreation
}

// creation is what is to be done.
type creation struct {
	topic string
	// complete creates the topic on each master that lacks it. Without it, a
	// topic that any master has is left alone.
	complete bool
}

// outcomeOfCreation is what those who wait for a creation get.
type outcomeOfCreation struct {
	done chan struct{} // closed when err is set
	err  error
}

func newCreator(p *Publisher) *creator {
	c := &creator{p: p, underWay: make(map[creation]*outcomeOfCreation)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// close ends what is under way and waits for it.
func (c *creator) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// create waits for the topic to be created, by a goroutine that goes on when ctx
// ends.
func (c *creator) create(ctx context.Context, what creation) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return &CreateTopicError{Topic: what.topic, Err: ErrClosed}
	}
	o := c.underWay[what]
	if o == nil {
		o = &outcomeOfCreation{done: make(chan struct{})}
		c.underWay[what] = o
		c.wg.Go(func() { c.run(what, o) })
	}
	c.mu.Unlock()
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return &CreateTopicError{Topic: what.topic, Err: contextError(ctx)}
	}
}

func (c *creator) run(what creation, o *outcomeOfCreation) {
	if err := c.work(what); err != nil { // no typed nil into the interface
		o.err = err
	}
	c.mu.Lock()
	delete(c.underWay, what)
	c.mu.Unlock()
	close(o.done)
}

// work creates the topic. All brokers are asked whether they have it before any
// is asked to create it: UPDATE_AND_CREATE_TOPIC changes one that is there.
func (c *creator) work(what creation) *CreateTopicError {
	p, topic := c.p, what.topic
	masters, err := c.masters(topic)
	if err != nil {
		return &CreateTopicError{Topic: topic, Err: err}
	}
	found, failed := c.survey(topic, masters)
	if len(failed) > 0 {
		return &CreateTopicError{Topic: topic, Brokers: failed}
	}
	var missing []routing.Broker
	var old []*BrokerError
	for i, b := range masters {
		if found[i].has {
			continue
		}
		missing = append(missing, b)
		if v := found[i].version; p.cfg.CreateTopics.MessageType != "" && v < headers.Version5_0_0 {
			// It would create the topic without a word about the type.
			old = append(old, &BrokerError{b.Name, b.Addr, &UnsupportedError{FeatureMessageType, b.Addr, v, sinceMessageTypes}})
		}
	}
	if len(missing) == 0 || !what.complete && len(missing) < len(masters) {
		// The name servers are behind, or it is not for all. What they say now
		// counts, not what a lookup under way was told before; if it is bad,
		// Publish says so.
		_, _ = p.routes.Reload(c.ctx, topic)
		return nil
	}
	if len(old) > 0 {
		return &CreateTopicError{Topic: topic, Brokers: old}
	}
	failed = c.each(missing, func(ctx context.Context, _ int, b routing.Broker) error {
		_, err := c.ask(ctx, b.Addr, p.cfg.CreateTopics.request(topic))
		return err
	})
	var created []string
	for _, b := range missing {
		if !slices.ContainsFunc(failed, func(f *BrokerError) bool { return f.Broker == b.Name }) {
			created = append(created, b.Name)
		}
	}
	if len(created) > 0 {
		p.logger.Info("Created RocketMQ topic", watermill.LogFields{
			"rocketmq_topic": topic, "brokers": strings.Join(created, ","), "settings": p.cfg.CreateTopics.String(),
		})
	}
	err = c.awaitRoute(topic, created)
	if err != nil || len(failed) > 0 {
		return &CreateTopicError{Topic: topic, Created: created, Brokers: failed, Err: err}
	}
	return nil
}

// masters returns the masters of the cluster.
func (c *creator) masters(topic string) ([]routing.Broker, error) {
	brokers, err := c.p.routes.Registered(c.ctx, topic)
	if err != nil {
		return nil, err
	}
	own := c.p.cfg.CreateTopics.Cluster
	var masters []routing.Broker
	var clusters []string
	for _, b := range brokers {
		addr, ok := b.Master()
		if !ok || own != "" && b.Cluster != own {
			continue
		}
		masters = append(masters, routing.Broker{Name: b.Name, Addr: addr})
		if !slices.Contains(clusters, b.Cluster) {
			clusters = append(clusters, b.Cluster)
		}
	}
	switch {
	case len(clusters) > 1:
		return nil, ErrSeveralClusters
	case len(masters) == 0:
		return nil, ErrNoMaster
	}
	return masters, nil
}

// surveyed is what a broker says about a topic, and about itself.
type surveyed struct {
	has     bool
	version headers.Version
}

// survey asks each broker whether it has the topic.
func (c *creator) survey(topic string, masters []routing.Broker) ([]surveyed, []*BrokerError) {
	found := make([]surveyed, len(masters))
	failed := c.each(masters, func(ctx context.Context, i int, b routing.Broker) error {
		version, err := c.ask(ctx, b.Addr, &headers.TopicStats{Topic: topic})
		found[i] = surveyed{has: err == nil, version: version}
		if errors.Is(err, &headers.StatusError{Code: headers.TopicNotExist}) {
			return nil
		}
		return err
	})
	return found, failed
}

// each calls do for every broker at once, with a context that bounds it, and
// returns what failed in the order of the brokers.
func (c *creator) each(brokers []routing.Broker, do func(ctx context.Context, i int, b routing.Broker) error) []*BrokerError {
	ctx, cancel := context.WithTimeout(c.ctx, createTimeout)
	defer cancel()
	errs := make([]*BrokerError, len(brokers))
	var wg sync.WaitGroup
	for i, b := range brokers {
		wg.Go(func() {
			if err := do(ctx, i, b); err != nil {
				errs[i] = &BrokerError{b.Name, b.Addr, err}
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(errs, func(e *BrokerError) bool { return e == nil })
}

// ask returns the version of the broker that answered.
func (c *creator) ask(ctx context.Context, addr string, r headers.Request) (headers.Version, error) {
	answer, err := c.p.client.Invoke(ctx, addr, r, nil)
	if err == nil {
		err = answer.Err()
	}
	if refusal := refusalOf(err); refusal != nil {
		err = refusal
	}
	return answer.Version, err
}

// awaitRoute waits until the topic's route has all of these brokers.
func (c *creator) awaitRoute(topic string, brokers []string) error {
	if len(brokers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, routedTimeout, ErrTopicNotRouted)
	defer cancel()
	for {
		// Two lookups of a topic have a pause between them.
		route, err := c.p.routes.Reload(ctx, topic)
		if err == nil && !route.FromDefaultTopic() && servesAll(route, brokers) {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func servesAll(route *routing.Route, brokers []string) bool {
	for _, name := range brokers {
		if !slices.ContainsFunc(route.Queues(), func(q routing.MessageQueue) bool { return q.BrokerName == name }) {
			return false
		}
	}
	return true
}

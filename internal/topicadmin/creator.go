// Package topicadmin creates topics on all masters of a cluster, for any client of it.
package topicadmin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
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
	// mostAtOnce is how many brokers are asked at once.
	mostAtOnce = 32
)

// Config is what a Creator works with. All fields are needed.
type Config struct {
	Client *transport.Client
	Routes *routing.Table
	// Topics are the settings of new topics, with their defaults.
	Topics topics.Config
	Logger watermill.LoggerAdapter
	// ErrClosed is what calls end with once Close has been called.
	ErrClosed error
}

// Creator creates topics. One goroutine for each topic that is being created does
// it, so that callers that come and go share the work; Close ends and awaits
// them. It is safe for concurrent use.
//
// Its errors are *topics.CreateError, marked with a verdict for those who retry.
type Creator struct {
	cfg    Config
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

// New returns a Creator.
func New(cfg Config) *Creator {
	c := &Creator{cfg: cfg, underWay: make(map[creation]*outcomeOfCreation)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close ends what is under way and waits for it.
func (c *Creator) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// Create creates the topic on each master that does not have it, and waits for that. A
// goroutine does it, which goes on when ctx ends.
func (c *Creator) Create(ctx context.Context, topic string) error {
	return c.create(ctx, creation{topic: topic, complete: true})
}

func (c *Creator) create(ctx context.Context, what creation) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return failure(&topics.CreateError{Topic: what.topic, Err: c.cfg.ErrClosed})
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
		return failure(&topics.CreateError{Topic: what.topic, Err: ctxerr.Of(ctx)})
	}
}

func (c *Creator) run(what creation, o *outcomeOfCreation) {
	if err := c.work(what); err != nil {
		o.err = failure(err)
	}
	c.mu.Lock()
	delete(c.underWay, what)
	c.mu.Unlock()
	close(o.done)
}

// work creates the topic. All brokers are asked whether they have it before any
// is asked to create it: UPDATE_AND_CREATE_TOPIC changes one that is there.
func (c *Creator) work(what creation) *topics.CreateError {
	topic := what.topic
	masters, err := c.masters(c.ctx, topic)
	if err != nil {
		return &topics.CreateError{Topic: topic, Err: err}
	}
	found, failed := c.survey(topic, masters)
	if len(failed) > 0 {
		return &topics.CreateError{Topic: topic, Brokers: failed}
	}
	var missing []routing.Broker
	var old []*topics.BrokerError
	for i, b := range masters {
		if found[i].has {
			continue
		}
		missing = append(missing, b)
		if v := found[i].version; c.cfg.Topics.MessageType != "" && v < headers.Version5_0_0 {
			// It would create the topic without a word about the type.
			old = append(old, &topics.BrokerError{Broker: b.Name, Addr: b.Addr, Err: &rocketmq.UnsupportedError{
				Feature: rocketmq.FeatureMessageType, Addr: b.Addr, Version: v, Since: sinceMessageTypes,
			}})
		}
	}
	if len(missing) == 0 || !what.complete && len(missing) < len(masters) {
		// The name servers are behind, or it is not for all. What they say now
		// counts, not what a lookup under way was told before; if it is bad,
		// Publish says so.
		_, _ = c.cfg.Routes.Reload(c.ctx, topic)
		return nil
	}
	if len(old) > 0 {
		return &topics.CreateError{Topic: topic, Brokers: old}
	}
	failed = c.each(c.ctx, missing, func(ctx context.Context, _ int, b routing.Broker) error {
		_, err := c.ask(ctx, b.Addr, request(c.cfg.Topics, topic))
		return err
	})
	created := others(missing, failed)
	if len(created) > 0 {
		c.cfg.Logger.Info("Created RocketMQ topic", watermill.LogFields{
			"rocketmq_topic": topic, "brokers": strings.Join(created, ","), "settings": c.cfg.Topics.String(),
		})
	}
	err = c.awaitRoute(topic, created)
	if err != nil || len(failed) > 0 {
		return &topics.CreateError{Topic: topic, Created: created, Brokers: failed, Err: err}
	}
	return nil
}

// masters returns the masters of the cluster.
func (c *Creator) masters(ctx context.Context, name string) ([]routing.Broker, error) {
	brokers, err := c.cfg.Routes.Registered(ctx, name)
	if err != nil {
		return nil, err
	}
	own := c.cfg.Topics.Cluster
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
		return nil, topics.ErrSeveralClusters
	case len(masters) == 0:
		return nil, topics.ErrNoMaster
	}
	return masters, nil
}

// surveyed is what a broker says about a topic, and about itself.
type surveyed struct {
	has     bool
	version headers.Version
}

// survey asks each broker whether it has the topic.
func (c *Creator) survey(topic string, masters []routing.Broker) ([]surveyed, []*topics.BrokerError) {
	found := make([]surveyed, len(masters))
	failed := c.each(c.ctx, masters, func(ctx context.Context, i int, b routing.Broker) error {
		version, err := c.ask(ctx, b.Addr, &headers.TopicStats{Topic: topic})
		found[i] = surveyed{has: err == nil, version: version}
		if errors.Is(err, &headers.StatusError{Code: headers.TopicNotExist}) {
			return nil
		}
		return err
	})
	return found, failed
}

// each calls do for every broker, several at once, with a context that bounds it, and
// returns what failed in the order of the brokers.
func (c *Creator) each(ctx context.Context, brokers []routing.Broker, do func(ctx context.Context, i int, b routing.Broker) error) []*topics.BrokerError {
	errs := make([]*topics.BrokerError, len(brokers))
	fanout.Each(len(brokers), mostAtOnce, func(i int) {
		one, cancel := context.WithTimeout(ctx, createTimeout)
		defer cancel()
		if err := do(one, i, brokers[i]); err != nil {
			errs[i] = &topics.BrokerError{Broker: brokers[i].Name, Addr: brokers[i].Addr, Err: err}
		}
	})
	return slices.DeleteFunc(errs, func(e *topics.BrokerError) bool { return e == nil })
}

// ask returns the version of the broker that answered.
func (c *Creator) ask(ctx context.Context, addr string, r headers.Request) (headers.Version, error) {
	answer, err := c.invoke(ctx, addr, r, nil)
	return answer.Version, err
}

func (c *Creator) invoke(ctx context.Context, addr string, r headers.Request, body []byte) (headers.Command, error) {
	answer, err := headers.Successful(c.cfg.Client.Invoke(ctx, addr, r, body))
	if refusal := verdict.Refusal(err); refusal != nil {
		err = refusal
	}
	return answer, err
}

// others names the brokers that have not failed.
func others(brokers []routing.Broker, failed []*topics.BrokerError) (names []string) {
	for _, b := range brokers {
		if !slices.ContainsFunc(failed, func(f *topics.BrokerError) bool { return f.Broker == b.Name }) {
			names = append(names, b.Name)
		}
	}
	return names
}

// awaitRoute waits until the topic's route has all of these brokers.
func (c *Creator) awaitRoute(topic string, brokers []string) error {
	if len(brokers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx, routedTimeout, topics.ErrNotRouted)
	defer cancel()
	for {
		// Two lookups of a topic have a pause between them.
		route, err := c.cfg.Routes.Reload(ctx, topic)
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
		if !slices.ContainsFunc(route.WriteQueues(), func(q routing.MessageQueue) bool { return q.BrokerName == name }) {
			return false
		}
	}
	return true
}

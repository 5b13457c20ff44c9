package pull

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// noGroup is the group that pulls name which are for no group: brokers know it without
// having been told (MixAll.TOOLS_CONSUMER_GROUP of 5.5.0).
const noGroup = "TOOLS_CONSUMER"

// atOnce is how many requests of one kind are under way at once.
const atOnce = 16

// ErrClosed means that the engine is closed.
var ErrClosed = errors.New("pull engine closed")

// OtherMembersError means that a group cannot be moved while others are in it: only they
// know where they are.
type OtherMembersError struct {
	Group   string
	Members []string // client ids, those of other members
}

// Error names the group and its members.
func (e *OtherMembersError) Error() string {
	return fmt.Sprintf("consumer group %q has other members, stop them first: %s", e.Group, strings.Join(e.Members, ", "))
}

// Engine is a member of a consumer group. It implements engine.Engine. It is safe for
// concurrent use.
type Engine struct {
	cfg   engine.Config
	group string // that requests name
	id    string // of this member
	logs  *logs
	locks *locks

	firstCommits firstCommits

	// ctx ends with Close, and with it all goroutines, which wg counts.
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	kick    chan struct{} // one slot: divide the queues now
	changed chan struct{} // one slot: the group has other members, perhaps
	hurry   chan struct{} // one slot: commit now
	// joining has room for one token: whoever has put it there joins or leaves the group.
	joining chan struct{}
	// resetting has a token for each reset of offsets under way that a broker asked for.
	resetting chan struct{}

	started time.Time

	mu       sync.Mutex // guards what follows
	closed   bool
	fetchers []*Fetcher // in the order of Subscribe
	// subscribed is closed, and made anew, when fetchers changes.
	subscribed chan struct{}
	readers    []*reader // those of queues that belong to this member
	// before has for queues what is closed when all their readers until now are done, without
	// a group those of each subscription.
	before map[task]<-chan struct{}
	// known are the members by topic as they were when the queues were divided last.
	known map[string][]string
	// ofJava are the members that are Java's clients, as checkGroup has found them last.
	ofJava map[string]bool
	// troubled has when trouble was called last, by the broker's name.
	troubled map[string]time.Time
	// keeping has when brokers were asked whether they keep what is sent back, by name.
	keeping map[string]time.Time
	// retryAt is when the route of the retry topic is looked for next.
	retryAt    time.Time
	retryPause time.Duration
}

// New returns an Engine that has not joined the group yet, which the first Subscribe does.
// The Member must have joined its session, and pass on Events and Serve.
func New(cfg engine.Config) *Engine {
	e := &Engine{
		cfg: cfg, group: cfg.Group, id: cfg.Session.ID(), started: time.Now(),
		kick: make(chan struct{}, 1), changed: make(chan struct{}, 1), hurry: make(chan struct{}, 1),
		joining: make(chan struct{}, 1), resetting: make(chan struct{}, maxResets),
		before: make(map[task]<-chan struct{}), known: make(map[string][]string),
		troubled: make(map[string]time.Time), keeping: make(map[string]time.Time), subscribed: make(chan struct{}),
	}
	e.logs = &logs{logger: cfg.Logger, group: cfg.Group}
	if e.isBroadcast() {
		e.group = noGroup
	}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.wg.Go(e.run)
	if e.isBroadcast() {
		return e
	}
	e.wg.Go(e.commitAll)
	if cfg.Ordered {
		e.locks = newLocks(e)
		e.wg.Go(func() { e.locks.run(e.ctx) })
	}
	return e
}

var (
	_ engine.Engine  = (*Engine)(nil)
	_ engine.Fetcher = (*Fetcher)(nil)
)

// isBroadcast reports whether this is no member of a group: it reads all queues, and
// nobody remembers how far.
func (e *Engine) isBroadcast() bool { return e.cfg.Group == "" }

// RetryTopics is the retry topic of the group, which is the same for all topics.
func (e *Engine) RetryTopics(string) []string {
	if e.isBroadcast() {
		return nil
	}
	return []string{e.retryTopic()}
}

// RetryQueues are the queues of the retry topic that belong to this member.
func (e *Engine) RetryQueues() []routing.MessageQueue {
	e.mu.Lock()
	defer e.mu.Unlock()
	return queuesOf(e.readersOf(nil))
}

func (e *Engine) retryTopic() string { return headers.RetryTopicPrefix + e.group }

// Initialize commits the first offset of the group in each queue of the topic that it has
// none in.
func (e *Engine) Initialize(ctx context.Context, topic engine.Topic) error {
	route, err := e.cfg.Member.Routes().ReadRoute(ctx, topic.Name)
	if err != nil || e.isBroadcast() || topic.From.Position == engine.Earliest {
		return err
	}
	if err := e.makeGroup(ctx, route); err != nil {
		return err
	}
	return e.initialize(ctx, route, topic.From, e.strangers(ctx, route, topic.Name))
}

// makeGroup has brokers know the group, without a member of it: 5.x takes offsets of
// groups only that it knows. It pulls a message, which brokers with
// autoCreateSubscriptionGroup make the group for (SubscriptionGroupManager of 5.5.0).
func (e *Engine) makeGroup(ctx context.Context, route *routing.Route) error {
	first := slices.CompactFunc(slices.Clone(route.ReadQueues()), func(a, b routing.MessageQueue) bool { return a.BrokerName == b.BrokerName })
	return each(first, func(q routing.MessageQueue) error {
		_, err := e.askBroker(ctx, q.Topic, q.BrokerName, &headers.PullMessage{
			ConsumerGroup: e.group, Topic: q.Topic, QueueID: q.QueueID, MaxMessages: 1,
			SysFlag: headers.PullSubscription, Subscription: headers.ExpressionAll, BrokerName: q.BrokerName,
		}, nil)
		var status *headers.StatusError
		if errors.As(err, &status) && (status.Code == headers.PullNotFound || status.Code == headers.PullOffsetMoved || status.Code == headers.PullRetryImmediately) {
			return nil
		}
		return err
	})
}

// initialize is Initialize for a group that the brokers know.
func (e *Engine) initialize(ctx context.Context, route *routing.Route, from engine.From, strangers []string) error {
	return each(route.ReadQueues(), func(q routing.MessageQueue) error {
		_, found, _, err := e.committed(ctx, q)
		if err != nil || found && !slices.Contains(strangers, q.BrokerName) {
			return err
		}
		offset, err := e.resolve(ctx, q, from)
		if err != nil {
			return err
		}
		return e.commit(ctx, q, offset)
	})
}

// strangers are the brokers before 5.0 that know no offset of the group in the topic. They
// say that it is at 0 in a queue which has its first message yet. To be asked before the
// first heartbeat: later the group has a member there.
func (e *Engine) strangers(ctx context.Context, route *routing.Route, topic string) (brokers []string) {
	for _, at := range route.Replicas() {
		if !at.IsMaster() {
			continue
		}
		answer, err := e.ask(ctx, at.Addr, &headers.TopicGroups{Topic: topic}, nil)
		if err != nil || answer.Version >= headers.Version5_0_0 {
			continue // what it says of offsets is taken as it is
		}
		known, err := headers.ParseTopicGroupsData(answer.Body)
		if err == nil && !slices.Contains(known.Groups, e.group) {
			brokers = append(brokers, at.BrokerName)
		}
	}
	return brokers
}

// each does the same for many queues, several at once, and joins the errors.
func each(queues []routing.MessageQueue, do func(q routing.MessageQueue) error) error {
	errs := make([]error, len(queues))
	fanout.Each(len(queues), atOnce, func(i int) { errs[i] = do(queues[i]) })
	return errors.Join(errs...)
}

// Subscribe joins the group with the topic, if need be, and has the queues divided. It
// returns when the brokers know of it; the first messages come soon after.
func (e *Engine) Subscribe(ctx context.Context, topic engine.Topic, output *delivery.Output) (engine.Fetcher, error) {
	f := &Fetcher{engine: e, topic: topic, output: output, begun: make(map[routing.MessageQueue]bool)}
	var err error
	if f.filter, err = subscriptionOf(topic, time.Now()); err != nil {
		return nil, err
	}
	route, err := e.cfg.Member.Routes().ReadRoute(ctx, topic.Name)
	if err != nil {
		return nil, err
	}
	for _, q := range route.ReadQueues() {
		f.begun[q] = true
	}
	select {
	case e.joining <- struct{}{}:
		defer func() { <-e.joining }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := e.isOpen(f); err != nil {
		return nil, err
	}
	if e.isBroadcast() {
		err = e.begin(ctx, f, route)
	} else {
		err = e.join(ctx, f, route)
	}
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.fetchers = append(e.fetchers, f)
	e.tellSubscribed()
	e.mu.Unlock()
	signal(e.kick)
	return f, nil
}

// isOpen returns why a subscription cannot be.
func (e *Engine) isOpen(f *Fetcher) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	for _, other := range e.fetchers {
		if other.topic.Name == f.topic.Name && (other.filter.Expression != f.filter.Expression || other.filter.ExpressionType != f.filter.ExpressionType) {
			return fmt.Errorf("consumer group %q is subscribed to topic %q by %q already, and cannot be by %q as well",
				e.group, f.topic.Name, other.filter.Expression, f.filter.Expression)
		}
	}
	return nil
}

// begin finds out where a subscription without a group begins, if that is the end of the
// queues: it is to have what is stored after Subscribe, not after its first pull.
func (e *Engine) begin(ctx context.Context, f *Fetcher, route *routing.Route) error {
	if f.topic.From.Position != engine.Latest {
		return nil
	}
	return each(route.ReadQueues(), func(q routing.MessageQueue) error {
		offset, err := e.endOf(ctx, q)
		if err == nil {
			f.positions.keep(q, offset)
		}
		return err
	})
}

// join makes brokers know the subscription, and where the group begins.
func (e *Engine) join(ctx context.Context, f *Fetcher, route *routing.Route) error {
	var strangers []string
	if f.topic.From.Position != engine.Earliest {
		strangers = e.strangers(ctx, route, f.topic.Name)
		if err := e.reach(ctx, route); err != nil {
			return err
		}
	}
	if err := e.say(f); err != nil {
		return err
	}
	err := e.beat(ctx, route.ReadAddrs())
	if err == nil && f.topic.From.Position != engine.Earliest {
		err = e.initialize(ctx, route, f.topic.From, strangers)
	}
	if err != nil {
		e.mu.Lock()
		alone := len(e.fetchers) == 0
		e.mu.Unlock()
		if alone {
			e.leave(ctx)
		} else {
			_ = e.say() // what was said before could be said
		}
	}
	return err
}

// reach returns an error if a broker does not answer that initialize will ask. A member that
// joins and leaves again, and again, has all others divide the queues each time.
func (e *Engine) reach(ctx context.Context, route *routing.Route) error {
	return each(route.ReadQueues(), func(q routing.MessageQueue) error {
		_, _, _, err := e.committed(ctx, q)
		if isAnswer(err) {
			return nil // initialize asks once more, when the brokers know the group
		}
		return err
	})
}

// Seek commits another offset for each queue of the topic. Queues that this member reads
// go on there. With other members in the group it fails with an *OtherMembersError.
func (e *Engine) Seek(ctx context.Context, topic engine.Topic, to engine.From) error {
	route, err := e.cfg.Member.Routes().ReadRoute(ctx, topic.Name)
	if err != nil {
		return err
	}
	if !e.isBroadcast() {
		if err := e.isAlone(ctx, route); err != nil {
			return err
		}
		if err := e.makeGroup(ctx, route); err != nil {
			return err
		}
	}
	e.mu.Lock()
	reading := make(map[routing.MessageQueue][]*reader)
	for _, r := range e.readers {
		reading[r.queue] = append(reading[r.queue], r)
	}
	e.mu.Unlock()
	return each(route.ReadQueues(), func(q routing.MessageQueue) error {
		offset, err := e.resolve(ctx, q, to)
		if err != nil {
			return err
		}
		if len(reading[q]) == 0 && !e.isBroadcast() {
			if err := e.commit(ctx, q, offset); err != nil {
				return err
			}
		}
		for _, r := range reading[q] {
			if err := r.moveTo(ctx, offset); err != nil {
				return err
			}
		}
		return e.moveOthers(ctx, q, offset, reading[q])
	})
}

// moveOthers moves readers of a queue that have begun while it was moved: they may have asked
// for the offset before.
func (e *Engine) moveOthers(ctx context.Context, q routing.MessageQueue, offset int64, moved []*reader) error {
	e.mu.Lock()
	others := slices.DeleteFunc(slices.Clone(e.readers), func(r *reader) bool { return r.queue != q || slices.Contains(moved, r) })
	e.mu.Unlock()
	for _, r := range others {
		if err := r.moveTo(ctx, offset); err != nil {
			return err
		}
	}
	return nil
}

// isAlone returns an error if others are in the group. A broker that knows no member
// answers with SYSTEM_ERROR.
func (e *Engine) isAlone(ctx context.Context, route *routing.Route) error {
	ids, _, err := e.members(ctx, route)
	if errors.Is(err, &headers.StatusError{Code: headers.SystemError}) {
		return nil
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == e.id })
	if err == nil && len(ids) > 0 {
		err = &OtherMembersError{Group: e.group, Members: ids}
	}
	return err
}

// Close leaves the group and ends all goroutines.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	left := slices.Clone(e.fetchers)
	e.mu.Unlock()
	var errs []error
	for _, f := range left { // there should be none
		errs = append(errs, f.Close(ctx))
	}
	e.awaitLost(ctx)
	e.cancel()
	e.wg.Wait()
	return errors.Join(errs...)
}

// awaitLost waits until queues that went to other members are handed over, until ctx ends.
func (e *Engine) awaitLost(ctx context.Context) {
	e.mu.Lock()
	lists := slices.Collect(maps.Values(e.before))
	e.mu.Unlock()
	for _, done := range lists {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// commitAll commits the offsets of all queues, again and again, and when it has to hurry.
func (e *Engine) commitAll() {
	ticker := time.NewTicker(e.cfg.CommitInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-e.hurry:
		case <-e.ctx.Done():
			return
		}
		e.commitNews()
	}
}

// commitNews tells the brokers how far their queues are consumed, where that is news.
func (e *Engine) commitNews() {
	byBroker := make(map[string][]*reader)
	e.mu.Lock()
	for _, r := range e.readers {
		byBroker[r.queue.BrokerName] = append(byBroker[r.queue.BrokerName], r)
	}
	e.mu.Unlock()
	lists := make([][]*reader, 0, len(byBroker))
	for _, list := range byBroker {
		lists = append(lists, list)
	}
	fanout.Each(len(lists), atOnce, func(i int) {
		for _, r := range lists[i] {
			if err := r.commit(e.ctx); err != nil && !isAnswer(err) {
				return // the broker hangs: the others of its queues would wait as long
			}
		}
	})
}

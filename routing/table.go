package routing

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/ctxerr"
)

const (
	// idleAfter is how long a topic stays cached that nobody asks for, give or
	// take a refresh interval. A publisher may write to any number of topics over
	// time, one per tenant say; the cache and the work of refreshing it follow
	// the topics in use.
	idleAfter = 10 * time.Minute
	// lookupGap is the least time between the starts of two lookups of one topic.
	// A broker that fails a thousand sends causes a thousand calls of Refresh.
	lookupGap = 100 * time.Millisecond
)

// Table is the cache of routes. Make one with New, and Close it. Its methods are
// safe for concurrent use.
type Table struct {
	cache *cache
	own   *substitute

	// ctx ends when the Table is closed, or the one that New has returned.
	ctx    context.Context
	cancel context.CancelFunc
	shares bool // the cache is another Table's
	left   atomic.Bool
}

// cache is what a Table and its shares have together.
type cache struct {
	cfg     Config
	servers *nameServers
	// resolver is what the Resolver is called in errors.
	resolver string

	ctx    context.Context // ends when Close is called
	cancel context.CancelFunc
	wg     sync.WaitGroup // the refresher and each lookup under way
	kick   chan struct{}  // holds one token: dead has something in it

	// mu guards all below and the entries' fields that say so. It is held for map
	// and slice work only.
	mu          sync.RWMutex
	substitutes []*substitute
	closed      bool
	dead        map[string]bool // the addresses given to RefreshByAddr
	landed      uint64          // lookups that brought a route
}

// entry is what the Table knows about one topic.
type entry struct {
	topic string
	of    *substitute
	// routes has the route of each view, nil as long as no lookup brought one that has
	// queues in it. It is the same one, unless only one view had a new one to take.
	routes [views]atomic.Pointer[Route]
	turns  *turns      // of the topic
	used   atomic.Bool // asked for since the refresher last came by

	seen time.Time // when the refresher last found it used; the refresher's own

	// Guarded by cache.mu.
	flying   bool         // a goroutine runs cache.fly for it
	current  *call        // the lookup under way
	next     *call        // the lookup to come after it
	started  time.Time    // when the last lookup started
	updated  time.Time    // when a lookup last brought a route
	landed   uint64       // cache.landed when the last lookup brought a route to write by
	failures [views]error // of the last lookup, nil if it brought a route
}

// known are the routes as they are now.
func (e *entry) known() known {
	return known{Writing: e.routes[Writing].Load(), Reading: e.routes[Reading].Load()}
}

// call is one lookup and those who wait for it.
type call struct {
	done  chan struct{} // closed when found is set
	found [views]found
}

// New checks cfg and returns a Table that asks the name servers through inv. It
// asks nothing by itself: a topic is looked up when it is first asked for. A
// Resolver is called at once, in the background; the first lookup waits for it.
// The Table runs one goroutine until it is closed, two with a Resolver, and one
// more for each lookup under way.
func New(cfg Config, inv Invoker) (*Table, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if inv == nil {
		return nil, errors.New("routing: Invoker is nil")
	}
	cfg.setDefaults()
	t := &cache{
		cfg:     cfg,
		servers: &nameServers{timeout: cfg.NameServerTimeout, invoker: inv, failed: cfg.Events.NameServerFailed},
		kick:    make(chan struct{}, 1),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	if cfg.Resolver != nil {
		t.resolver = nameOf(cfg.Resolver)
		t.servers.directory = newDirectory(&t.cfg, t.servers)
		t.wg.Go(func() { t.servers.directory.run(t.ctx) })
	} else {
		addrs, _ := nameServerAddrs("", cfg.NameServers) // Validate has found no fault
		shuffle(addrs)
		t.servers.replace(addrs)
	}
	t.wg.Go(t.refresher)
	return &Table{cache: t, own: t.substitute(cfg.DefaultTopic, cfg.DefaultTopicQueues), ctx: t.ctx, cancel: t.cancel}, nil
}

// Route returns the topic's route to publish by: its view Writing has a queue. A
// cached one is returned at once, whatever ctx is, and without allocation. Else the
// topic is looked up; callers that come meanwhile wait for the same lookup, which goes
// on when their ctx ends.
//
// The error is or wraps one of *NoRouteError, *NoBrokersError, *NoQueueError,
// *StaticTopicError, *NameServersError, ErrClosed, and, of a ctx that ends, a
// *WaitError or its cause. Nothing that is cached answers for a topic without a route,
// or without a queue to publish to, but two lookups of it start at least 100 ms apart.
func (t *Table) Route(ctx context.Context, topic string) (*Route, error) {
	return t.get(ctx, topic, Writing)
}

// ReadRoute returns the topic's route to read by: its view Reading has a queue. In all
// else it is as Route, and the same lookups serve both. A topic that is read-only has a
// route here. One that has none but that of the default topic has not: the error is a
// *NoQueueError with the reason NoOwnRoute.
func (t *Table) ReadRoute(ctx context.Context, topic string) (*Route, error) {
	return t.get(ctx, topic, Reading)
}

func (t *Table) get(ctx context.Context, topic string, v View) (*Route, error) {
	if r := t.cached(topic, v); r != nil {
		return r, nil
	}
	if t.left.Load() {
		return nil, ErrClosed
	}
	r, c, err := t.cache.join(ctx, t.own, topic, v, false)
	if r != nil || err != nil {
		return r, err
	}
	return t.wait(ctx, topic, v, c)
}

// holding returns the cached route if it has what is looked for, and else one that was
// looked up, which may not have it either.
func (t *Table) holding(ctx context.Context, topic string, v View, has func(r *Route) bool) (*Route, error) {
	r := t.cached(topic, v)
	switch {
	case r == nil:
		return t.get(ctx, topic, v)
	case has(r):
		return r, nil
	}
	return t.reload(ctx, topic, v)
}

// reload is get by a lookup that starts after the call.
func (t *Table) reload(ctx context.Context, topic string, v View) (*Route, error) {
	if t.left.Load() {
		return nil, ErrClosed
	}
	_, c, err := t.cache.join(ctx, t.own, topic, v, true)
	if err != nil {
		return nil, err
	}
	return t.wait(ctx, topic, v, c)
}

// BrokerAddr returns the master address of a broker of the topic. If the cached
// route has none, the topic is looked up once more before the answer is a
// *BrokerNotFoundError. Other errors are those of Route.
func (t *Table) BrokerAddr(ctx context.Context, topic, broker string) (string, error) {
	r, err := t.holding(ctx, topic, Writing, func(r *Route) bool {
		_, ok := r.BrokerAddr(broker)
		return ok
	})
	if err != nil {
		return "", err
	}
	if addr, ok := r.BrokerAddr(broker); ok {
		return addr, nil
	}
	notFound := &BrokerNotFoundError{Topic: topic, Broker: broker, NameServers: t.cache.servers.addrs()}
	if at, ok := findUnusable(r.unusable, broker); ok {
		notFound.Unusable = r.unusable[at]
	}
	return "", notFound
}

// Replica returns the server of a broker to read the topic from, by the rules of
// Route.Replica. If the cached route has none, the topic is looked up once more before
// the answer is a *BrokerNotFoundError. Other errors are those of ReadRoute.
func (t *Table) Replica(ctx context.Context, topic, broker string, id int64, onlyThisBroker bool) (Replica, error) {
	r, err := t.holding(ctx, topic, Reading, func(r *Route) bool {
		_, ok := r.Replica(broker, id, onlyThisBroker)
		return ok
	})
	if err != nil {
		return Replica{}, err
	}
	s, ok := r.Replica(broker, id, onlyThisBroker)
	if !ok {
		return Replica{}, &BrokerNotFoundError{Topic: topic, Broker: broker, View: Reading, NameServers: t.cache.servers.addrs()}
	}
	return s, nil
}

// ReadAddrs returns Route.ReadAddrs of the cached route to read the topic by, nil if there
// is none. It asks nobody. The topic counts as in use, as it does with ReadRoute.
func (t *Table) ReadAddrs(topic string) []string {
	r := t.cached(topic, Reading)
	if r == nil {
		return nil
	}
	return r.ReadAddrs()
}

// Refresh has the topic looked up again in the background, at once or, if it was
// looked up in the last 100 ms, when these have passed. It does not block. Calls
// add up to one lookup, with one promise: a lookup starts after the call was
// made, so that it sees whatever the caller has seen. A topic that is not cached
// is looked up as well; if that fails, the next Route tries again and says why.
//
// Call it when a send fails in a way that says that the route is wrong, and
// after the first send to a topic whose route is from the default topic.
func (t *Table) Refresh(topic string) {
	_, _, _ = t.cache.join(t.ctx, t.own, topic, Writing, true)
}

// RefreshOlder is Refresh, unless a lookup of the topic has started in the time that
// is given, or is about to. Call it when a send fails in a way that may have to do with
// the route, but as a rule does not.
func (t *Table) RefreshOlder(topic string, age time.Duration) {
	t.cache.mu.RLock()
	e := t.own.topics[topic]
	recent := e != nil && (e.next != nil || time.Since(e.started) < age)
	t.cache.mu.RUnlock()
	if !recent {
		t.Refresh(topic)
	}
}

// RefreshByAddr has every cached topic looked up again that has a broker, its master
// or a slave, at addr, one after the other in the background. It does not block. Call it when
// the connection to addr was lost.
func (t *Table) RefreshByAddr(addr string) {
	all := t.cache
	all.mu.Lock()
	if !all.closed {
		if all.dead == nil {
			all.dead = make(map[string]bool)
		}
		all.dead[addr] = true
	}
	all.mu.Unlock()
	select {
	case all.kick <- struct{}{}:
	default: // a token that is there already covers this addr
	}
}

// Brokers returns the brokers of all cached routes to publish by, sorted by name, each
// once: where routes disagree about a broker's address, the latest counts. The servers
// to read a topic from are Route.Replicas.
func (t *Table) Brokers() []Broker {
	type found struct {
		addr   string
		landed uint64
	}
	byName := make(map[string]found)
	t.cache.mu.RLock()
	t.cache.each(func(e *entry) bool {
		r := e.routes[Writing].Load()
		if r == nil {
			return true
		}
		for _, b := range r.brokers {
			if f, ok := byName[b.Name]; !ok || f.landed < e.landed {
				byName[b.Name] = found{b.Addr, e.landed}
			}
		}
		return true
	})
	t.cache.mu.RUnlock()
	brokers := make([]Broker, 0, len(byName))
	for name, f := range byName {
		brokers = append(brokers, Broker{Name: name, Addr: f.addr})
	}
	slices.SortFunc(brokers, Broker.compareName)
	return brokers
}

// HasBroker reports whether a cached route to publish by has a broker at addr: one of
// that name, or any if name is empty.
func (t *Table) HasBroker(addr, name string) (has bool) {
	t.cache.mu.RLock()
	defer t.cache.mu.RUnlock()
	t.cache.each(func(e *entry) bool {
		r := e.routes[Writing].Load()
		has = r != nil && slices.ContainsFunc(r.brokers, func(b Broker) bool { return b.Addr == addr && (name == "" || b.Name == name) })
		return !has
	})
	return has
}

// Close stops the background work and waits until it has ended. Calls that wait
// return ErrClosed, as do later ones. It may be called again, and by many. Of a share
// it ends the calls alone, see Share.
func (t *Table) Close() error {
	t.left.Store(true)
	if t.shares {
		t.cancel()
		return nil
	}
	all := t.cache
	all.mu.Lock()
	all.closed, all.dead = true, nil
	for _, s := range all.substitutes {
		s.topics = nil
	}
	all.mu.Unlock()
	all.cancel()
	all.wg.Wait()
	return nil
}

// cached returns the view's route without asking anybody, nil if there is none.
func (t *Table) cached(topic string, v View) *Route {
	t.cache.mu.RLock()
	e := t.own.topics[topic]
	t.cache.mu.RUnlock()
	if e == nil || t.left.Load() {
		return nil
	}
	e.touch()
	return e.routes[v].Load()
}

// touch notes that the topic is in use. It writes only when there is news, so
// that senders on many cores share the cache line.
func (e *entry) touch() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// wait waits for a lookup's result, for the caller's ctx, and for Close.
func (t *Table) wait(ctx context.Context, topic string, v View, c *call) (*Route, error) {
	select {
	case <-c.done:
		return c.found[v].route, c.found[v].err
	case <-ctx.Done():
		return nil, t.waitError(topic, v, ctxerr.Of(ctx))
	case <-t.ctx.Done():
		return nil, ErrClosed
	}
}

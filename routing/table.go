package routing

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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
	mu     sync.RWMutex
	topics map[string]*entry // nil once closed
	dead   []string          // addresses given to RefreshByAddr, each once
	landed uint64            // lookups that brought a route
}

// entry is what the Table knows about one topic.
type entry struct {
	topic string
	route atomic.Pointer[Route] // nil as long as no lookup brought one
	turns *turns                // of the topic
	used  atomic.Bool           // asked for since the refresher last came by

	seen time.Time // when the refresher last found it used; the refresher's own

	// Guarded by Table.mu.
	flying  bool      // a goroutine runs Table.fly for it
	current *call     // the lookup under way
	next    *call     // the lookup to come after it
	started time.Time // when the last lookup started
	landed  uint64    // Table.landed when the last lookup brought a route
	failure error     // of the last lookup, nil if it brought a route
}

// call is one lookup and those who wait for it.
type call struct {
	done  chan struct{} // closed when route and err are set
	route *Route
	err   error
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
	t := &Table{
		cfg:     cfg,
		servers: &nameServers{timeout: cfg.NameServerTimeout, invoker: inv, failed: cfg.Events.NameServerFailed},
		kick:    make(chan struct{}, 1),
		topics:  make(map[string]*entry),
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
	return t, nil
}

// Route returns the topic's route. A cached one is returned at once, whatever
// ctx is, and without allocation. Else the topic is looked up; callers that come
// meanwhile wait for the same lookup, which goes on when their ctx ends.
//
// The error is or wraps one of *NoRouteError, *NoBrokersError, *NoQueueError,
// *StaticTopicError, *NameServersError, ErrClosed, and, of a ctx that ends, a
// *WaitError or its cause. Nothing is cached about a topic without a route, but two lookups of
// it start at least 100 ms apart.
func (t *Table) Route(ctx context.Context, topic string) (*Route, error) {
	if r := t.cached(topic); r != nil {
		return r, nil
	}
	c, err := t.join(ctx, topic, false)
	if err != nil {
		return nil, err
	}
	return t.wait(ctx, topic, c)
}

// BrokerAddr returns the master address of a broker of the topic. If the cached
// route has none, the topic is looked up once more before the answer is a
// *BrokerNotFoundError. Other errors are those of Route.
func (t *Table) BrokerAddr(ctx context.Context, topic, broker string) (string, error) {
	if r := t.cached(topic); r != nil {
		if addr, ok := r.BrokerAddr(broker); ok {
			return addr, nil
		}
	}
	c, err := t.join(ctx, topic, true)
	if err != nil {
		return "", err
	}
	r, err := t.wait(ctx, topic, c)
	if err != nil {
		return "", err
	}
	if addr, ok := r.BrokerAddr(broker); ok {
		return addr, nil
	}
	notFound := &BrokerNotFoundError{Topic: topic, Broker: broker, NameServers: t.servers.addrs()}
	if at := slices.IndexFunc(r.unusable, func(e *BrokerAddressError) bool { return e.Broker == broker }); at >= 0 {
		notFound.Unusable = r.unusable[at]
	}
	return "", notFound
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
	_, _ = t.join(context.Background(), topic, true)
}

// RefreshByAddr has every cached topic looked up again that has a broker at
// addr, one after the other in the background. It does not block. Call it when
// the connection to addr was lost.
func (t *Table) RefreshByAddr(addr string) {
	t.mu.Lock()
	if t.topics != nil && !slices.Contains(t.dead, addr) {
		t.dead = append(t.dead, addr)
	}
	t.mu.Unlock()
	select {
	case t.kick <- struct{}{}:
	default: // a token that is there already covers this addr
	}
}

// Brokers returns the brokers of all cached topics, sorted by name, each once:
// where routes disagree about a broker's address, the latest counts.
func (t *Table) Brokers() []Broker {
	type found struct {
		addr   string
		landed uint64
	}
	byName := make(map[string]found)
	t.mu.RLock()
	for _, e := range t.topics {
		r := e.route.Load()
		if r == nil {
			continue
		}
		for _, b := range r.brokers {
			if f, ok := byName[b.Name]; !ok || f.landed < e.landed {
				byName[b.Name] = found{b.Addr, e.landed}
			}
		}
	}
	t.mu.RUnlock()
	brokers := make([]Broker, 0, len(byName))
	for name, f := range byName {
		brokers = append(brokers, Broker{Name: name, Addr: f.addr})
	}
	slices.SortFunc(brokers, Broker.compareName)
	return brokers
}

// Close stops the background work and waits until it has ended. Calls that wait
// return ErrClosed, as do later ones. It may be called again, and by many.
func (t *Table) Close() error {
	t.mu.Lock()
	t.topics, t.dead = nil, nil
	t.mu.Unlock()
	t.cancel()
	t.wg.Wait()
	return nil
}

// cached returns the topic's route without asking anybody, nil if there is none.
func (t *Table) cached(topic string) *Route {
	t.mu.RLock()
	e := t.topics[topic]
	t.mu.RUnlock()
	if e == nil {
		return nil
	}
	e.touch()
	return e.route.Load()
}

// touch notes that the topic is in use. It writes only when there is news, so
// that senders on many cores share the cache line.
func (e *entry) touch() {
	if !e.used.Load() {
		e.used.Store(true)
	}
}

// wait waits for a lookup's result, for the caller's ctx, and for Close.
func (t *Table) wait(ctx context.Context, topic string, c *call) (*Route, error) {
	select {
	case <-c.done:
		return c.route, c.err
	case <-ctx.Done():
		return nil, t.waited(ctx, topic)
	case <-t.ctx.Done():
		return nil, ErrClosed
	}
}

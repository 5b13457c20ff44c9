package routing

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// resolveTimeout bounds one call of a Resolver.
	resolveTimeout = 10 * time.Second
	// resolveGap and resolveGapWithList are the least time between the starts of
	// two calls that are not due: an outage of all name servers must not become
	// one of the endpoint that is asked for them.
	resolveGap         = time.Second
	resolveGapWithList = 10 * time.Second
)

// directory keeps the list of name servers as a Resolver says it is. One goroutine
// runs it, owned by the Table.
type directory struct {
	resolver Resolver
	interval time.Duration
	events   *Events
	servers  *nameServers
	kick     chan struct{} // holds one token: resolve before it is due

	mu      sync.Mutex
	current *resolution // what to wait for: under way, or to come
}

// resolution is one call of the Resolver and those who wait for its end.
type resolution struct {
	done chan struct{} // closed when err is set
	err  error
}

func newDirectory(cfg *Config, servers *nameServers) *directory {
	return &directory{
		resolver: cfg.Resolver, interval: cfg.ResolveInterval, events: &cfg.Events, servers: servers,
		kick: make(chan struct{}, 1), current: &resolution{done: make(chan struct{})},
	}
}

// run resolves at once, at each interval, and after wake. ctx ends it.
func (d *directory) run(ctx context.Context) {
	ticker := time.NewTicker(d.interval)
	defer ticker.Stop()
	for {
		began := time.Now()
		d.resolve(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			continue
		case <-d.kick:
		}
		gap := resolveGap
		if d.servers.current() != nil {
			gap = resolveGapWithList
		}
		pause := time.NewTimer(gap - time.Since(began))
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-pause.C:
		}
		pause.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// resolve asks the Resolver once, and tells those who wait.
func (d *directory) resolve(ctx context.Context) {
	attempt, cancel := context.WithTimeout(ctx, resolveTimeout)
	addrs, err := d.resolver.Resolve(attempt)
	cancel()
	if ctx.Err() != nil {
		return
	}
	if err == nil && len(addrs) == 0 {
		err = errors.New("the list is empty")
	}
	if err == nil {
		addrs, err = nameServerAddrs("list", addrs)
	}
	select {
	case <-d.kick: // it has been done
	default:
	}
	before := d.servers.addrs()
	changed := err == nil && !sameAddrs(before, addrs)
	if changed {
		shuffle(addrs)
		d.servers.replace(addrs)
	}
	d.mu.Lock()
	over := d.current
	d.current = &resolution{done: make(chan struct{})}
	d.mu.Unlock()
	if err != nil {
		over.err = &ResolveError{Err: err}
	}
	close(over.done)
	switch {
	case changed && d.events.NameServersChanged != nil:
		d.events.NameServersChanged(before, slices.Clone(addrs))
	case err != nil && d.events.ResolveFailed != nil:
		d.events.ResolveFailed(over.err)
	}
}

// await waits until there is a list. It returns nil, a *ResolveError, or ctx's
// error.
func (d *directory) await(ctx context.Context) error {
	d.mu.Lock()
	next := d.current
	d.mu.Unlock()
	if d.servers.current() != nil {
		return nil
	}
	d.wake()
	select {
	case <-next.done:
		return next.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wake has the Resolver asked before it is due. It does not block.
func (d *directory) wake() {
	select {
	case d.kick <- struct{}{}:
	default: // it will be
	}
}

// sameAddrs reports whether two lists without duplicates have the same entries.
func sameAddrs(a, b []string) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(addr string) bool { return !slices.Contains(b, addr) })
}

package routing_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// source is a Resolver whose answer can be changed. It notes when it was called.
type source struct {
	mu    sync.Mutex
	addrs []string
	err   error
	calls []time.Time
}

func (s *source) Resolve(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, time.Now())
	return s.addrs, s.err
}

func (s *source) become(err error, addrs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addrs, s.err = addrs, err
}

func (s *source) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

func from(r routing.Resolver) func(*routing.Config) {
	return func(c *routing.Config) { c.NameServers, c.Resolver = nil, r }
}

// The resolver is called at the start and at each interval; the lookups go by what
// it said last, and each change is told of.
func TestResolverIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a"))
		s := &source{addrs: []string{"one:1", " http://one:1"}}
		type change struct{ before, after []string }
		var changes []change
		table := newTable(t, f, func(c *routing.Config) {
			from(s)(c)
			c.Events.NameServersChanged = func(before, after []string) { changes = append(changes, change{before, after}) }
			c.Events.ResolveFailed = func(err error) { t.Error(err) }
			c.RefreshInterval = time.Hour
		})
		synctest.Wait()
		require.Equal(t, 1, s.called())
		require.Equal(t, []change{{nil, []string{"one:1"}}}, changes)
		_, err := table.Route(t.Context(), "t1")
		require.NoError(t, err)
		require.Equal(t, []string{"one:1 t1"}, f.asked())

		s.become(nil, "two:2")
		settle(routing.DefaultResolveInterval - time.Second)
		require.Equal(t, 1, s.called())
		settle(time.Second)
		require.Equal(t, 2, s.called())
		require.Equal(t, change{[]string{"one:1"}, []string{"two:2"}}, changes[1])
		_, err = table.Route(t.Context(), "t2")
		require.NoError(t, err)
		require.Equal(t, []string{"two:2 t2"}, f.asked())

		settle(10 * routing.DefaultResolveInterval)
		require.Equal(t, 12, s.called())
		require.Len(t, changes, 2, "the same list is no news")
		require.NoError(t, table.Close())
		settle(routing.DefaultResolveInterval)
		require.Equal(t, 12, s.called())
	})
}

// The name server that was of use stays the first to be asked, and one that is
// known to hang stays distrusted, when the list grows.
func TestResolverKeepsWhatIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		good := f.says(headers.Success, simpleRoute("a"))
		f.answer = onlyGood("good:1", good, hang)
		s := &source{addrs: []string{"bad:1", "good:1"}}
		table := newTable(t, f, from(s))
		for _, topic := range []string{"t1", "t2"} { // by t2 at the latest good:1 is preferred
			_, err := table.Route(t.Context(), topic)
			require.NoError(t, err)
		}
		s.become(nil, "bad:1", "new:1", "good:1", "new:2")
		settle(routing.DefaultResolveInterval)
		f.asked()
		_, err := table.Route(t.Context(), "t3")
		require.NoError(t, err)
		require.Equal(t, []string{"good:1 t3"}, f.asked())
	})
}

// A resolver that fails, or brings what is no list of addresses, takes nothing
// away.
func TestResolverFailureKeepsTheList(t *testing.T) {
	broken := errors.New("no directory today")
	for name, tc := range map[string]struct {
		err   error
		addrs []string
		text  string
	}{
		"error":      {err: broken, text: "no directory today"},
		"empty":      {text: "the list is empty"},
		"no address": {addrs: []string{"ok:1", "no port"}, text: `list[1] is "no port", want host:port`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeServers{tb: t}
				f.answer = f.says(headers.Success, simpleRoute("a"))
				s := &source{addrs: []string{"one:1"}}
				var failures []error
				table := newTable(t, f, func(c *routing.Config) {
					from(s)(c)
					c.Events.ResolveFailed = func(err error) { failures = append(failures, err) }
				})
				synctest.Wait()
				s.become(tc.err, tc.addrs...)
				settle(routing.DefaultResolveInterval)
				require.Len(t, failures, 1)
				var failed *routing.ResolveError
				require.ErrorAs(t, failures[0], &failed)
				require.ErrorContains(t, failed, tc.text)
				_, err := table.Route(t.Context(), "t")
				require.NoError(t, err)
				require.Equal(t, []string{"one:1 t"}, f.asked())
			})
		})
	}
}

// Without a first list lookups fail by a *NameServersError that says why, and
// each asks the resolver once more, but not more often than once a second.
func TestResolverWithoutFirstList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.says(headers.Success, simpleRoute("a"))
		broken := errors.New("no directory today")
		s := &source{err: broken}
		var failures []error
		table := newTable(t, f, func(c *routing.Config) {
			from(s)(c)
			c.Events.ResolveFailed = func(err error) { failures = append(failures, err) }
		})
		synctest.Wait()
		began := time.Now()
		_, err := table.Route(t.Context(), "t")
		require.Equal(t, time.Second, time.Since(began))
		require.Equal(t, 2, s.called())
		var servers *routing.NameServersError
		require.ErrorAs(t, err, &servers)
		require.Empty(t, servers.Servers)
		require.ErrorIs(t, err, broken)
		var failed *routing.ResolveError
		require.ErrorAs(t, err, &failed)
		require.EqualError(t, err, `routing: topic "t": cannot find the name servers: no directory today`)
		require.Empty(t, f.asked())

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err = table.Route(ctx, "t")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, broken, "the lookup before says why")
		require.EqualError(t, err, `routing: wait for the route of topic "t" from the resolver, which has brought no name servers yet: `+
			`context deadline exceeded (before: routing: topic "t": cannot find the name servers: no directory today)`)
		synctest.Wait()
		require.Len(t, failures, 2)
		require.ErrorIs(t, failures[0], broken)

		s.become(nil, "one:1")
		_, err = table.Route(t.Context(), "t")
		require.NoError(t, err, "the lookup that is under way for the caller before")
		require.Equal(t, []string{"one:1 t"}, f.asked())
		calls := s.called()
		settle(routing.DefaultResolveInterval - 10*time.Second)
		require.Equal(t, calls, s.called())
	})
}

// When no name server is of use the resolver is asked before it is due, ten
// seconds after the last time at the earliest.
func TestResolverIsAskedWhenNameServersFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		good := f.says(headers.Success, simpleRoute("a"))
		f.answer = onlyGood("new:1", good, func(context.Context, string, string) (headers.Command, error) {
			return headers.Command{}, errors.New("refused")
		})
		s := &source{addrs: []string{"old:1"}}
		table := newTable(t, f, from(s))
		synctest.Wait()
		s.become(nil, "new:1")
		_, err := table.Route(t.Context(), "t")
		require.Error(t, err)
		settle(9 * time.Second)
		require.Equal(t, 1, s.called())
		settle(time.Second)
		require.Equal(t, 2, s.called())
		_, err = table.Route(t.Context(), "t")
		require.NoError(t, err)
	})
}

// A resolver that hangs is given up after ten seconds, and ends with Close.
func TestResolverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		hangs := routing.ResolverFunc(func(ctx context.Context) ([]string, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		table := newTable(t, f, from(hangs))
		began := time.Now()
		_, err := table.Route(t.Context(), "t")
		require.Equal(t, 10*time.Second, time.Since(began))
		var servers *routing.NameServersError
		require.ErrorAs(t, err, &servers)
		done := make(chan error)
		go func() {
			_, err := table.Route(t.Context(), "t")
			done <- err
		}()
		synctest.Wait()
		began = time.Now()
		require.NoError(t, table.Close())
		require.Equal(t, time.Duration(0), time.Since(began))
		require.ErrorIs(t, <-done, routing.ErrClosed)
	})
}

func TestResolverConfig(t *testing.T) {
	for text, cfg := range map[string]routing.Config{
		"NameServers is empty":                    {},
		"are both set":                            {NameServers: []string{"a:1"}, Resolver: &source{}},
		"ResolveInterval":                         {Resolver: &source{}, ResolveInterval: -1},
		"Resolver: HTTPResolver: the URL is none": {Resolver: routing.NewHTTPResolver("a:9876")},
		"want http://host:port/path":              {Resolver: routing.NewHTTPResolver("http:///x")},
		"HTTPResolver: the URL is none":           {Resolver: routing.NewHTTPResolver("")},
		"make it with NewHTTPResolver":            {Resolver: routing.HTTPResolver{}},
		"HTTPResolver.Timeout":                    {Resolver: impatient(routing.NewHTTPResolver("http://a/x"), -1)},
		"DNSResolver.Names is empty":              {Resolver: routing.DNSResolver{}},
		"DNSResolver.Names[0]":                    {Resolver: routing.DNSResolver{Names: []string{"host"}}},
		"DNSResolver.Names has 1025 entries":      {Resolver: routing.DNSResolver{Names: make([]string, 1025)}},
	} {
		_, err := routing.New(cfg, &fakeServers{tb: t})
		require.ErrorContains(t, err, text)
	}
}

// All addresses of all names are name servers.
func TestDNSResolver(t *testing.T) {
	known := map[string][]string{"a": {"10.0.0.2", "10.0.0.1"}, "b": {"10.0.0.1", "::1"}}
	lookup := func(_ context.Context, host string) ([]string, error) {
		if addrs, ok := known[host]; ok {
			return addrs, nil
		}
		return nil, errors.New("no such host " + host)
	}
	for _, tc := range []struct{ names, want []string }{
		{[]string{"a:1"}, []string{"10.0.0.1:1", "10.0.0.2:1"}},
		{[]string{"a:1", "b:1"}, []string{"10.0.0.1:1", "10.0.0.2:1", "[::1]:1"}},
		{[]string{"gone:1", "b:2"}, []string{"10.0.0.1:2", "[::1]:2"}},
	} {
		got, err := routing.DNSResolver{Names: tc.names, Lookup: lookup}.Resolve(t.Context())
		require.NoError(t, err)
		require.Equal(t, tc.want, got)
	}
	_, err := routing.DNSResolver{Names: []string{"gone:1", "lost:1"}, Lookup: lookup}.Resolve(t.Context())
	require.ErrorContains(t, err, "no such host gone")
	require.ErrorContains(t, err, "no such host lost")

	got, err := routing.DNSResolver{Names: []string{"127.0.0.1:9876"}}.Resolve(t.Context())
	require.NoError(t, err, "the system's own lookup knows addresses")
	require.Equal(t, []string{"127.0.0.1:9876"}, got)
}

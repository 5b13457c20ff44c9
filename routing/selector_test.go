package routing_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func parsed(tb testing.TB, topic, body string) *routing.Route {
	r, err := routing.ParseRoute(topic, []byte(body))
	require.NoError(tb, err)
	return r
}

func TestRoundRobinTakesQueuesInTurn(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b", "c"))
	n := len(r.WriteQueues())
	first := routing.RoundRobin{}.Select(r, nil)
	at := 0
	for at < n && r.WriteQueues()[at] != first {
		at++
	}
	for i := 1; i < 5*n; i++ {
		require.Equal(t, r.WriteQueues()[(at+i)%n], routing.RoundRobin{}.Select(r, nil))
	}
}

func TestRoundRobinStartsAnywhere(t *testing.T) {
	first := make(map[routing.MessageQueue]bool)
	for range 1000 { // to miss one of 6 queues in 1000 starts has a chance of 10^-78
		first[routing.RoundRobin{}.Select(parsed(t, "t", simpleRoute("a", "b", "c")), nil)] = true
	}
	require.Len(t, first, 6)
}

func TestRoundRobinIsEvenPerTopic(t *testing.T) {
	const rounds, senders = 500, 8
	// Alternating topics would meet every other queue only if they shared a turn.
	routes := []*routing.Route{parsed(t, "t1", simpleRoute("a", "b")), parsed(t, "t2", simpleRoute("a", "b"))}
	queues := len(routes[0].WriteQueues())
	var mu sync.Mutex
	counts := make(map[routing.MessageQueue]int)
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			own := make(map[routing.MessageQueue]int)
			for range rounds * queues {
				for _, r := range routes {
					own[routing.RoundRobin{}.Select(r, nil)]++
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for q, n := range own {
				counts[q] += n
			}
		})
	}
	wg.Wait()
	require.Len(t, counts, 2*queues)
	for q, n := range counts {
		require.Equal(t, rounds*senders, n, q)
	}
}

func TestRoundRobinAvoids(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b", "c"))
	for _, tc := range []struct {
		avoid []string
		want  []string
	}{
		{[]string{"a"}, []string{"b", "c"}},
		{[]string{"a", "c"}, []string{"b"}},
		{[]string{"a", "a", "gone"}, []string{"b", "c"}},
		{[]string{"c", "a", "b"}, []string{"c"}},           // all failed: c longest ago
		{[]string{"c", "a", "b", "c"}, []string{"a"}},      // c once more: now a
		{[]string{"a", "b", "c", "gone"}, []string{"a"}},   // a broker that is no longer there
		{[]string{"gone", "a", "b", "c"}, []string{"a"}},   //
		{[]string{"gone"}, []string{"a", "b", "c"}},        //
		{[]string{"a", "b", "a", "b"}, []string{"c"}},      //
		{[]string{"a", "b", "c", "b"}, []string{"a"}},      //
		{[]string{"b", "c", "a", "a"}, []string{"b"}},      //
		{[]string{"c", "c", "c"}, []string{"a", "b"}},      //
		{[]string{"a", "b", "c", "a", "c"}, []string{"b"}}, //
	} {
		brokers := make(map[string]bool)
		for range 300 {
			brokers[routing.RoundRobin{}.Select(r, tc.avoid).BrokerName] = true
		}
		want := make(map[string]bool)
		for _, name := range tc.want {
			want[name] = true
		}
		require.Equal(t, want, brokers, "avoid %q", tc.avoid)
	}
	require.Equal(t, "a", routing.RoundRobin{}.Select(parsed(t, "t", simpleRoute("a")), []string{"a"}).BrokerName, "the only broker")
}

func TestRoundRobinSpreadsRetries(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b", "c"))
	const picks = 10_000
	first, retry := make(map[routing.MessageQueue]int), make(map[routing.MessageQueue]int)
	for range picks * 6 {
		q := routing.RoundRobin{}.Select(r, nil)
		first[q]++
		if q.BrokerName == "a" { // is down: each message that meets it is tried again
			retry[routing.RoundRobin{}.Select(r, []string{"a"})]++
		}
	}
	for q, n := range first {
		require.Equal(t, picks, n, "first attempts stay even: %v", q)
	}
	require.Len(t, retry, 4)
	for q, n := range retry {
		require.InDelta(t, picks/2, n, 500, "%v", q) // over 8 standard deviations
	}
}

// Which brokers are avoided changes with every request of a busy topic.
func TestRoundRobinIsEvenOnEachBrokerBesideAvoidedOnes(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b", "c"))
	detours := make(map[routing.MessageQueue]int)
	for range 2000 {
		avoid := [][]string{{"a"}, {"b"}, {"c"}, {"a", "b"}, {"b", "c"}}[rand.IntN(5)]
		detours[routing.RoundRobin{}.Select(r, avoid)]++
		if rand.IntN(3) == 0 {
			routing.RoundRobin{}.Select(r, nil)
		}
	}
	require.Len(t, detours, 6)
	for q, n := range detours {
		other := q
		other.QueueID = 1 - q.QueueID
		require.InDelta(t, detours[other], n, 1, "%v", q)
		require.Greater(t, n, 100, "%v", q)
	}
}

func TestSelectDoesNotAllocate(t *testing.T) {
	r := parsed(t, "t", simpleRoute("a", "b", "c"))
	var s routing.Selector = routing.RoundRobin{}
	avoid := []string{"a", "b", "c"}
	require.Zero(t, testing.AllocsPerRun(1000, func() { s.Select(r, nil) }))
	require.Zero(t, testing.AllocsPerRun(1000, func() { s.Select(r, avoid) }))
}

func BenchmarkSelect(b *testing.B) {
	r := parsed(b, "t", simpleRoute("a", "b", "c"))
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			routing.RoundRobin{}.Select(r, nil)
		}
	})
	b.Run("retry", func(b *testing.B) {
		b.ReportAllocs()
		avoid := []string{"a"}
		for b.Loop() {
			routing.RoundRobin{}.Select(r, avoid)
		}
	})
}

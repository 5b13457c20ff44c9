package routing_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// A topic is looked up once for all who share a Table, as long as they agree on the
// default topic.
func TestShareHasTheSameRoutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t}
		f.answer = f.knows(map[string]string{
			"t":      simpleRoute("a"),
			"TBW102": routeBody(brokerSpec{"a", `"0":"a:10911"`, 2, 7}),
			"other":  routeBody(brokerSpec{"b", `"0":"b:10911"`, 2, 7}),
		})
		table := newTable(t, f, nil)
		same, another := table.Share("", 0), table.Share("other", 1)
		defer same.Close()
		defer another.Close()

		first, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		again, err := same.Route(t.Context(), "t")
		require.NoError(t, err)
		require.Same(t, first, again)
		require.Equal(t, []string{"ns1:9876 t"}, f.asked())

		for table, queues := range map[*routing.Table][]string{table: {"a:0", "a:1"}, same: {"a:0", "a:1"}, another: {"b:0"}} {
			borrowed, err := table.Route(t.Context(), "new")
			require.NoError(t, err)
			require.True(t, borrowed.FromDefaultTopic())
			require.Equal(t, queues, queueNames(borrowed))
		}
		require.Len(t, f.asked(), 2*2, "once for each default topic")
		for _, table := range []*routing.Table{table, same, another} {
			require.Len(t, table.Brokers(), 2)
			require.True(t, table.HasBroker("b:10911", "b"), table.Brokers())
		}
	})
}

// A share that closes ends its own calls and nobody else's.
func TestShareClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeServers{tb: t, answer: hang}
		table := newTable(t, f, nil)
		share := table.Share("", 0)
		results := make(chan error, 2)
		wait := func(table *routing.Table) {
			_, err := table.Route(t.Context(), "t")
			results <- err
		}
		go wait(share)
		synctest.Wait()
		go wait(table)
		synctest.Wait()
		require.NoError(t, share.Close())
		require.ErrorIs(t, <-results, routing.ErrClosed)
		synctest.Wait()
		require.Empty(t, results, "the other one waits on")

		f.become(f.knows(map[string]string{"t": simpleRoute("a")}))
		var down *routing.NameServersError
		require.ErrorAs(t, <-results, &down)
		time.Sleep(time.Second)
		_, err := table.Route(t.Context(), "t")
		require.NoError(t, err)
		for name, call := range map[string]func() error{
			"Route":      func() error { _, err := share.Route(t.Context(), "t"); return err },
			"BrokerAddr": func() error { _, err := share.BrokerAddr(t.Context(), "t", "a"); return err },
			"Reload":     func() error { _, err := share.Reload(t.Context(), "t"); return err },
		} {
			require.ErrorIs(t, call(), routing.ErrClosed, name)
		}
		f.asked()
		share.Refresh("t")
		settle(time.Second)
		require.Empty(t, f.asked(), "one that is closed asks for nothing")
		require.NoError(t, share.Close(), "again")
	})
}

// Who closes the Table closes its shares.
func TestCloseEndsShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := newTable(t, &fakeServers{tb: t, answer: hang}, nil)
		share := table.Share("other", 0)
		result := make(chan error, 1)
		go func() {
			_, err := share.Route(t.Context(), "t")
			result <- err
		}()
		synctest.Wait()
		require.NoError(t, table.Close())
		require.ErrorIs(t, <-result, routing.ErrClosed)
		_, err := share.Route(t.Context(), "t")
		require.ErrorIs(t, err, routing.ErrClosed)
		require.NoError(t, share.Close())
	})
}

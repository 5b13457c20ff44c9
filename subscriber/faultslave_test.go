package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A master is killed that has a slave. Who pulls goes on with what the slave has, and
// nothing is lost when the master is back.
func TestFaultMasterLost(t *testing.T) {
	realbroker.RequireFull(t) // the slave takes a minute to learn of a topic
	t.Run("5.5.0", func(t *testing.T) {
		testMasterLost(t, "5.5.0", []suite{pullSuite, orderedPullSuite, popSuite, orderedPOPSuite})
	})
	t.Run("4.9.7", func(t *testing.T) {
		testMasterLost(t, "4.9.7", []suite{pullSuite, orderedPullSuite})
	})
}

func testMasterLost(t *testing.T, version string, suites []suite) {
	c := realbroker.Start(t, realbroker.Config{Version: version, Slaves: true})
	w := &world{name: version, cluster: rocketmq.Cluster{NameServers: c.NameServers()}, real: c}
	groups := make([]*faultGroup, len(suites))
	for i, s := range suites {
		g := newFaultGroup(t, w, s, s.name)
		g.gate, g.inFlight = make(chan struct{}), 32
		// A master of 5.5.0 that comes back to its slave may know no offset of a group that
		// pops, for a minute at least: everything is delivered again.
		g.unsure = s.engine == subscriber.POP
		g.publish(2)
		groups[i] = g
	}
	for _, g := range groups {
		g.publishing.Wait()
	}
	// A slave asks for topics when it starts, and then once a minute.
	require.NoError(t, c.Slave(0).Kill())
	require.NoError(t, c.Slave(0).Start())
	require.NoError(t, c.AwaitReplication(t.Context()))
	p := takePace(t, w, groups[0].topic, groups[0].ledger.inTrouble)
	for _, g := range groups {
		g.join("one")
		g.join("two")
	}
	troubles := make([]*trouble, len(suites))
	for i, g := range groups {
		require.Eventually(t, func() bool { return g.ledger.verdict().delivered > 0 }, patience, 10*time.Millisecond)
		troubles[i] = g.ledger.begin("master lost", "", persisted)
	}
	require.NoError(t, c.Broker(0).Kill())
	for _, g := range groups {
		close(g.gate)
	}
	groups[0].await(groups[0].all / 2) // of the slave
	require.NoError(t, c.Broker(0).Start())
	for i, g := range groups {
		g.publish(2)
		g.await(g.all)
		g.ledger.end(troubles[i])
	}
	finishAll(t, groups, p)
}

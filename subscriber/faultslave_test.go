package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A master is killed that has a slave. Who pulls goes on with what the slave has. Who pops
// waits for the master: what a slave hands out its master would hand out once more. Nothing
// is lost when the master is back.
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
	const members, inFlight = 2, 32
	c := realbroker.Start(t, realbroker.Config{Version: version, Slaves: true})
	w := &world{name: version, cluster: rocketmq.Cluster{NameServers: c.NameServers()}, real: c}
	groups := make([]*faultGroup, len(suites))
	for i, s := range suites {
		g := newFaultGroup(t, w, s, s.name)
		g.gate, g.inFlight = make(chan struct{}), inFlight
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
	p := takePace(t, w, groups[0].topic, groups[0].ledger.inTroubleSince)
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
	for _, g := range groups {
		if g.suite.engine == subscriber.POP {
			require.LessOrEqual(t, g.ledger.verdict().delivered, members*inFlight, "%s: more than was popped of the master", g.name)
		}
	}
	require.NoError(t, c.Broker(0).Start())
	for i, g := range groups {
		g.publish(2)
		g.await(g.all)
		g.ledger.end(troubles[i])
	}
	finishAll(t, groups, p)
	for _, g := range groups {
		if g.suite.engine == subscriber.POP {
			// The master did not live to write down what it had handed out, nor did it hear
			// of acks: it hands that out from the queue, and by its check points.
			again := g.ledger.verdict().again
			require.LessOrEqual(t, again[ackInDoubt]+again[notAcked], 2*members*inFlight, "%s", g.name)
		}
	}
}

package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Faults on real brokers, with each message accounted for: published and not acked is
// none, none comes before one of its key that was stored before it, and each that comes
// again has a reason. With TEST_FULL=1 each group has 100,000 messages.

// persisted is how far behind a broker's memory of a group may be after it was killed: it
// writes it down every 5 s (flushConsumerOffsetInterval), a busy one later. A pulling
// member tells it every second.
const persisted = 5*time.Second + 2*time.Second

// unconfirmed is how far behind the acks of a member are that a broker knows of: POP's wait
// for a tenth of a second, and pulling members commit every second.
const unconfirmed = 1*time.Second + 500*time.Millisecond

// faultLease is short, for what is lost with a member or a connection to come again soon, and
// long enough for the acks of busy members to reach busy brokers.
const faultLease = 10 * time.Second

// eachFaultVersion runs a test for the versions that there are to be, each with the ways to
// consume.
func eachFaultVersion(t *testing.T, test func(t *testing.T, w *world, suites []suite)) {
	t.Run("5.5.0", func(t *testing.T) {
		test(t, realWorld(t, "5.5.0"), []suite{popSuite, orderedPOPSuite, pullSuite, orderedPullSuite})
	})
	t.Run("4.9.7", func(t *testing.T) {
		realbroker.RequireFull(t)
		test(t, realWorld(t, "4.9.7"), []suite{pullSuite, orderedPullSuite})
	})
}

// together has a group for each way to consume, with two members each, and does harm to
// all of them at once while they consume.
func together(t *testing.T, w *world, suites []suite, doubt time.Duration, name string, harm func()) {
	groups := make([]*faultGroup, len(suites))
	for i, s := range suites {
		g := newFaultGroup(t, w, s, s.name)
		g.join("one")
		g.join("two")
		g.publish(2)
		groups[i] = g
	}
	p := takePace(t, w, groups[0].topic, groups[0].ledger.inTroubleSince)
	for _, g := range groups {
		g.await(g.all / 8)
	}
	troubles := make([]*trouble, len(suites))
	for i, g := range groups {
		g.publish(2)
		troubles[i] = g.ledger.begin(name, "", doubt)
	}
	harm()
	for i, g := range groups {
		g.ledger.end(troubles[i])
	}
	finishAll(t, groups, p)
}

// pass waits for a time.
func pass(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func TestFaultBrokerKilled(t *testing.T) {
	eachFaultVersion(t, func(t *testing.T, w *world, suites []suite) {
		together(t, w, suites, persisted, "broker killed", func() {
			if err := w.real.Broker(0).Kill(); err != nil {
				t.Error(err)
			}
			if err := w.real.Broker(0).Start(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestFaultBrokerFrozen(t *testing.T) {
	eachFaultVersion(t, func(t *testing.T, w *world, suites []suite) {
		together(t, w, suites, unconfirmed, "broker frozen", func() {
			if err := w.real.Broker(0).Pause(); err != nil {
				t.Error(err)
			}
			pass(10 * time.Second)
			if err := w.real.Broker(0).Resume(); err != nil {
				t.Error(err)
			}
		})
	})
}

// Nobody needs the name server while the brokers stay where they are.
func TestFaultNameServerAway(t *testing.T) {
	away := 10 * time.Second
	if realbroker.Full() {
		away = 30 * time.Second
	}
	eachFaultVersion(t, func(t *testing.T, w *world, suites []suite) {
		together(t, w, suites, 0, "name server away", func() {
			if err := w.real.NameServerStop(0); err != nil {
				t.Error(err)
			}
			pass(away)
			if err := w.real.NameServerStart(0); err != nil {
				t.Error(err)
			}
		})
		require.NoError(t, w.real.AwaitRoutes(t.Context()))
	})
}

// fault is something that befalls a member of a group, or its way to the brokers.
type fault struct {
	name string
	// prepare has members join. It returns what does the harm, by steps.
	prepare func(g *faultGroup) (harm func(step int))
}

const faultSteps = 3

// onNetwork has one of two members behind a bad network, and something happen to all of
// its connections at each step.
func onNetwork(do func(k *link)) func(g *faultGroup) func(int) {
	return func(g *faultGroup) func(int) {
		n := newBadNetwork(g.t)
		own := g.cluster
		g.cluster.Dial = n.Dial
		g.join("bad network")
		g.cluster = own
		g.join("good network")
		var last *trouble
		return func(step int) {
			if last != nil {
				g.ledger.end(last)
			}
			last = nil
			if step < faultSteps {
				// A member that pulls loses its queues with its connections, and both read them
				// until it hears of that.
				who := ""
				if g.suite.engine == subscriber.POP {
					who = "bad network"
				}
				last = g.ledger.begin("connections", who, unconfirmed)
				require.NotZero(g.t, n.hurt(do))
			}
		}
	}
}

var memberFaults = []fault{
	{"member killed", func(g *faultGroup) func(int) {
		c := g.joinChild("child")
		g.join("other")
		return func(step int) {
			if step == 0 {
				require.Eventually(g.t, func() bool { return g.ledger.heldBy("child") > 0 }, patience, time.Millisecond)
				tr := g.ledger.begin("killed", "child", unconfirmed)
				c.kill()
				g.ledger.end(tr)
				g.caught = g.ledger.heldBy("child")
			}
		}
	}},
	{"member frozen", func(g *faultGroup) func(int) {
		c := g.joinChild("child")
		g.join("other")
		g.leave = c.leave
		var tr *trouble
		return func(step int) {
			switch step {
			case 0:
				tr = g.ledger.begin("frozen", "child", unconfirmed)
				require.NoError(g.t, c.pause())
			case 2:
				require.NoError(g.t, c.resume())
			case faultSteps:
				g.ledger.end(tr)
			}
		}
	}},
	{"connections cut", onNetwork((*link).cut)},
	{"connections half-open", onNetwork((*link).forget)},
	{"answers ended", onNetwork((*link).endClient)},
	{"requests ended", onNetwork((*link).endServer)},
	{"slow handlers", func(g *faultGroup) func(int) {
		g.slow = 2 * faultLease
		g.join("one")
		g.join("two")
		return func(int) {}
	}},
}

// What befalls a member, and its way to the brokers.
func TestFaultMember(t *testing.T) {
	realbroker.RequireFull(t) // minutes; and on a busy machine members that join read a queue of each other's for a moment
	eachFaultVersion(t, func(t *testing.T, w *world, suites []suite) {
		if !realbroker.Full() {
			memberTroubles(t, w, suites)
			return
		}
		for _, s := range suites { // there is no memory for more at once
			memberTroubles(t, w, []suite{s})
		}
	})
}

// memberTroubles has a group for each fault and way to consume.
func memberTroubles(t *testing.T, w *world, suites []suite) {
	var groups []*faultGroup
	var harms []func(int)
	for _, s := range suites {
		for _, f := range memberFaults {
			g := newFaultGroup(t, w, s, s.name+", "+f.name)
			harms = append(harms, f.prepare(g))
			g.publish(1 + faultSteps)
			groups = append(groups, g)
		}
	}
	p := takePace(t, w, groups[0].topic, allWell)
	for _, g := range groups {
		g.await(g.all / 8)
	}
	for step := range faultSteps + 1 {
		for i, g := range groups {
			if step < faultSteps {
				before := g.ledger.acked()
				g.publish(1 + faultSteps)
				g.await(min(g.all, before+g.all/40))
			}
			harms[i](step)
		}
		if step < faultSteps {
			pass(faultLease)
		}
	}
	finishAll(t, groups, p)
}

// finishAll gives the verdicts.
func finishAll(t *testing.T, groups []*faultGroup, p *pace) {
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			g.finish(t, p)
			if g.caught > 0 {
				require.NotEmpty(t, g.ledger.verdict().again, "it had messages")
			}
			if g.slow > 0 && g.suite.engine == subscriber.POP {
				again := g.ledger.verdict().again
				if late := p.late(); late > faultLease/4 {
					t.Logf("leases were not renewed in time, or were: everything was up to %v late, %v", late, again)
					return
				}
				require.Empty(t, again, "leases were renewed")
			}
		})
	}
}

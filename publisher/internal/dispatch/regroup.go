package dispatch

import "sync/atomic"

// regroup is the callers that a sender has woken. They are about to publish again,
// and can share the next request: the sender waits until the last of them runs, and
// the runtime lets it go on when that one has published and waits. No time is waited,
// and none of the processor's used up by asking; and a sender that sleeps leaves a
// second processor to the callers.
type regroup struct {
	asleep atomic.Int32
	// up has room for the one token that says that asleep is 0.
	up chan struct{}
	// expected says that the token is to come. It is the sender's.
	expected bool
}

// gather has the sender wait for the callers of calls, none of which is woken yet. Nobody
// waits in asynchronous calls.
func (g *regroup) gather(calls []*Call) {
	n := int32(0)
	for _, c := range calls {
		if !c.Async {
			c.group = g
			n++
		}
	}
	g.expect(n)
}

// expect makes n callers, none of which is woken yet, those to wait for.
func (g *regroup) expect(n int32) {
	g.asleep.Store(n)
	g.expected = n > 0
}

// leave is called by each of the callers when it runs.
func (g *regroup) leave() {
	if g.asleep.Add(-1) == 0 {
		g.up <- struct{}{}
	}
}

// wait returns when all callers run that the sender has gathered, if any.
func (g *regroup) wait() {
	if g.expected {
		<-g.up
		g.expected = false
	}
}

package publisher

import "sync/atomic"

// crowd is the callers that a sender has woken. They are about to publish again,
// and can share the next request: the sender waits until the last of them runs, and
// the runtime lets it go on when that one has published and waits. No time is waited,
// and none of the processor's used up by asking; and a sender that sleeps leaves a
// second processor to the callers.
type crowd struct {
	asleep atomic.Int32
	// up has room for the one token that says that asleep is 0.
	up chan struct{}
	// expected says that the token is to come. It is the sender's.
	expected bool
}

// gather makes the callers of calls, none of which is woken yet, the crowd. Nobody
// waits in asynchronous calls.
func (c *crowd) gather(calls []*call) {
	n := int32(0)
	for _, woken := range calls {
		if woken.async.delivery == nil {
			woken.crowd = c
			n++
		}
	}
	c.asleep.Store(n)
	c.expected = n > 0
}

// leave is called by each of the callers when it runs.
func (c *crowd) leave() {
	if c.asleep.Add(-1) == 0 {
		c.up <- struct{}{}
	}
}

// wait returns when all callers run that the sender has gathered, if any.
func (c *crowd) wait() {
	if c.expected {
		<-c.up
		c.expected = false
	}
}

package embedded

import "time"

// Now returns the time of the cluster, which its brokers stamp messages with and
// wait by. It is the time of the process until Advance moves it on.
func (c *Cluster) Now() time.Time { return c.timers.Now() }

// Advance moves the cluster's clock on by d, which takes no time: delayed
// messages that become due are delivered, and whatever else waits for a time on
// the way happens, in the order of time and before Advance returns. A negative d
// does nothing.
//
// The clock is that of brokers: of store times, delays, long polls, queue locks,
// transaction checks and the faults that wait. Clients have clocks of their own, and idle
// connections are closed by the time of the process. A client that names an
// absolute time, as a delayed message does, names it by its own clock, so after
// Advance(time.Hour) whatever it puts off by less than an hour is due at once.
// In a testing/synctest bubble nobody needs Advance: time.Sleep moves the clocks
// of both sides.
//
// Calls that are made at once add up.
func (c *Cluster) Advance(d time.Duration) {
	if d > 0 {
		c.timers.Advance(d)
	}
}

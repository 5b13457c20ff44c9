package publisher

import "time"

// AvoidanceConfig says which brokers get no messages for a while, of any topic of
// the publisher, because others were slow to be stored there or failed. It is what
// the Java client has as sendLatencyFaultEnable (MQFaultStrategy, 5.5.0), where it
// is off by default.
//
// Avoidance is a preference. A topic whose brokers all ail is published as if none
// did, but for those that do not answer, if others do. When a broker's time is over
// one request tries it: if that is stored, the broker is used as before. Messages
// with an ordering key belong to one queue and go to its broker, however it fares.
type AvoidanceConfig struct {
	// Disabled switches it off: each message may go to any broker that has not failed
	// that message.
	Disabled bool
	// SlowAfter is the latency from which a broker counts as slow. It is then
	// avoided for 2 s, and for longer if it was slower, up to 30 s for 15 s. 550 ms
	// by default. These are the Java client's steps.
	SlowAfter time.Duration
	// FailedFor is how long a broker is avoided that could not be reached, did
	// not answer, or takes no messages: read-only, busy, full, or shutting down. As
	// much is added each time that it fails again, up to three times. 10 s by
	// default, as in the Java client.
	FailedFor time.Duration
}

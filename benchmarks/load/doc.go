// Package load puts a measured load on something that sends messages: callers that
// send one after the other (closed loop) or at planned times (open loop), or a
// number of calls under way that nobody waits in. It measures the latency of every
// call, and the processor time and the allocations of the process. It knows
// nothing of RocketMQ.
package load

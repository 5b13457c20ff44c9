package load

import "time"

// Task is one measurement, as the driver asks a candidate for it.
type Task struct {
	Topic string `json:"topic"`
	// Body is the path of a file that holds the body of every message.
	Body string `json:"body"`
	// Callers is the number of goroutines or threads that send.
	Callers int `json:"callers"`
	// PerCall is the number of messages in each call.
	PerCall int `json:"perCall"`
	// Depth is the number of calls that candidates without waiting callers keep
	// outstanding.
	Depth int `json:"depth"`
	// Rate is the number of messages per second of an open loop, 0 for a closed
	// one: each caller sends as fast as it is answered.
	Rate float64 `json:"rate"`
	// WarmUp comes before the measurement, with the same load.
	WarmUp time.Duration `json:"warmUp"`
	Length time.Duration `json:"length"`
}

// Sample is what one measurement found.
type Sample struct {
	// Acknowledged is the number of messages that were confirmed, the warm-up's
	// included: what the broker must have stored.
	Acknowledged int64 `json:"acknowledged"`
	// Failed is the number of messages whose call ended in an error, and Err the
	// first of these.
	Failed int64  `json:"failed"`
	Err    string `json:"err"`
	// Measured is the number of messages that were confirmed after the warm-up,
	// and InTime that of those which were confirmed before Length was over: the
	// rate is InTime by Length, whatever stragglers there are.
	Measured int64         `json:"measured"`
	InTime   int64         `json:"inTime"`
	Length   time.Duration `json:"length"`
	// CPU is the processor time of the process for all Measured messages, system
	// time included.
	CPU time.Duration `json:"cpu"`
	// Mallocs is the number of heap objects allocated meanwhile by all
	// goroutines, -1 where that is not known.
	Mallocs int64 `json:"mallocs"`
	// Latency of calls: from the begin of the call, or its planned time in an
	// open loop, to its end.
	Latency Histogram `json:"latency"`
}

// Rate is the number of messages per second.
func (s *Sample) Rate() float64 { return float64(s.InTime) / s.Length.Seconds() }

// CPUPerMessage is the processor time per message.
func (s *Sample) CPUPerMessage() time.Duration {
	if s.Measured == 0 {
		return 0
	}
	return s.CPU / time.Duration(s.Measured)
}

// MallocsPerMessage is the number of allocations per message, -1 if unknown.
func (s *Sample) MallocsPerMessage() float64 {
	if s.Mallocs < 0 || s.Measured == 0 {
		return -1
	}
	return float64(s.Mallocs) / float64(s.Measured)
}

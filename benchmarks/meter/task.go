package meter

import "time"

// Probe is the number of messages that tell whether a consumer gets any yet.
const Probe = 1<<63 - 1

// Task is one measurement, as the driver asks a candidate for it: to join a group that
// is new, to consume the topic from its first message until each message of the range
// was seen and acknowledged, and to leave the group.
type Task struct {
	Topic string `json:"topic"`
	Group string `json:"group"`
	// Queues is how many the topic has.
	Queues int `json:"queues"`
	// First and Messages are the range: messages carry numbers, see Stamp.
	First    int64 `json:"first"`
	Messages int64 `json:"messages"`
	// Arrivals asks when each message of the range came. The range is sent while the
	// candidate waits for it, and others come before it, the Probe last.
	Arrivals bool `json:"arrivals"`
	// BrokerPID is the broker's process, whose processor time is measured as well; 0
	// for none.
	BrokerPID int `json:"brokerPid"`
	// Limit is how long it may take.
	Limit time.Duration `json:"limit"`
}

// Reply is what a candidate's process writes for a task: with Arrivals that it is
// ready, and then in any case a sample or an error.
type Reply struct {
	Ready  bool    `json:"ready,omitempty"`
	Sample *Sample `json:"sample,omitempty"`
	Err    string  `json:"err,omitempty"`
}

// Sample is what one measurement found.
type Sample struct {
	// Seen is how many of the range were seen, and Duplicates how often one was seen
	// that had been seen before.
	Seen       int64 `json:"seen"`
	Duplicates int64 `json:"duplicates"`
	// Start is how long the first message took, counted from before the candidate
	// joined the group, and Total how long it was until the last was acknowledged.
	Start time.Duration `json:"start"`
	Total time.Duration `json:"total"`
	// Measured is how many messages were acknowledged for the first time between the
	// tenth and the ninetieth hundredth, Length how long that took, and the rest what it
	// cost: joining and leaving are left out, and the queues that end before others.
	Measured int64         `json:"measured"`
	Length   time.Duration `json:"length"`
	CPU      time.Duration `json:"cpu"`
	// BrokerCPU and Mallocs are -1 where they are not known.
	BrokerCPU time.Duration `json:"brokerCpu"`
	Mallocs   int64         `json:"mallocs"`
	// Arrivals are when the messages of the range came, in nanoseconds since 1970.
	Arrivals []int64 `json:"arrivals,omitempty"`
}

// Rate is the number of messages per second.
func (s *Sample) Rate() float64 { return float64(s.Measured) / s.Length.Seconds() }

// PerMessage divides a cost of the measured messages by their number. -1 stays: it
// stands for unknown.
func (s *Sample) PerMessage(cost float64) float64 {
	if cost < 0 {
		return -1
	}
	return cost / float64(s.Measured)
}

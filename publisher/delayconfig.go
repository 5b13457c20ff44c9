package publisher

import (
	"slices"
	"time"
)

// DelayConfig says how messages with the metadata of Watermill's components/delay
// are delayed. There is nothing to switch on: a message whose
// _watermill_delayed_until lies ahead is delayed.
//
// Brokers from 5.0.0 on take any time (timer messages). Those before know only a
// list of delays (delay levels), and get such a message only if its delay is one
// of them, or if RoundUpToLevel is set; otherwise it fails with a
// *DelayLevelError.
//
// A message is never delivered before its time. That is the publisher's clock,
// which brokers with timers compare with theirs, so clocks should agree. Such a
// broker delivers one to two seconds after the time, since it counts whole seconds
// (HookUtils and TimerMessageStore, 5.5.0); one with levels delivers when the level
// is over, counted from when it stored the message.
//
// A delayed message goes alone, and cannot have an ordering key or be part of a
// transaction (*CombinationError). A marshaler that sets DELAY or one of the
// TIMER_ properties itself delays its messages by them, whatever the metadata is;
// Max is not held against those, and a broker that finds one too far ahead answers
// MESSAGE_ILLEGAL.
type DelayConfig struct {
	// Max is how far ahead the time of a message may be. 3 days by default, the
	// brokers' own limit (timerMaxDelaySec of MessageStoreConfig, 5.5.0). The time
	// that the broker is asked for counts, which is up to two seconds after the
	// message's. A message that is further ahead is refused with a
	// *DelayTooLongError.
	Max time.Duration
	// Levels are the delays of brokers before 5.0.0, level 1 first, as in their
	// setting messageDelayLevel. By default they are RocketMQ's own, the same in
	// 4.9.7 and 5.5.0: 1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h
	// 2h. A table that is not the brokers' makes messages early or late, and
	// nothing tells.
	Levels []time.Duration
	// RoundUpToLevel lets a message wait for the next longer level where the
	// broker has none that fits. Off by default: an hour and a minute become two
	// hours.
	RoundUpToLevel bool
}

// delayLevels is messageDelayLevel of MessageStoreConfig (4.9.7 and 5.5.0).
var delayLevels = [...]time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
	6 * time.Minute, 7 * time.Minute, 8 * time.Minute, 9 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
}

func (c *DelayConfig) setDefaults() {
	setDefault(&c.Max, 3*24*time.Hour)
	if c.Levels == nil {
		c.Levels = delayLevels[:]
	}
	c.Levels = slices.Clone(c.Levels) // the caller keeps his own
}

// faults reports what is wrong with the configuration.
func (c *DelayConfig) faults(fault func(format string, args ...any)) {
	if c.Max < 0 {
		fault("Delay.Max is %v, want 0 or more", c.Max)
	}
	if len(c.Levels) == 0 {
		fault("Delay.Levels is empty, want nil for RocketMQ's own levels")
	}
	for i, level := range c.Levels {
		if level < time.Second || level%time.Second != 0 {
			fault("Delay.Levels[%d] is %v, want whole seconds", i, level)
		}
	}
}

package publisher

import (
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
)

// DelayConfig says how messages with the metadata of Watermill's components/delay
// are delayed. There is nothing to switch on: a message whose
// _watermill_delayed_until lies ahead is delayed.
//
// Brokers from 5.0.0 on take any time (timer messages). Those before know only a
// list of delays (delay levels): there a message waits for the shortest of them that
// is not too short, unless RequireLevel is set. So it does at a later broker that
// refuses the timer message, because its timers are off or end earlier, and if the
// message is too large for one. A message whose delay is longer than all levels fails
// then, with a *DelayLevelError, *TimersDisabledError, *DelayTooLongError or
// *MessageTooLargeError.
//
// A message that a poison queue or a requeuer of Watermill publishes (metadata
// reason_poisoned or _watermill_requeuer_retries) is never refused because its delay is
// too long: it waits for as long as is possible.
//
// A message is never delivered before its time. That is the publisher's clock,
// which brokers with timers compare with theirs, so clocks should agree. Such a
// broker delivers one to two seconds after the time, since it counts whole seconds
// (HookUtils and TimerMessageStore, 5.5.0); one with levels delivers when the level
// is over, counted from when it stored the message.
//
// A delayed message goes alone and without an ordering key, since it has no order,
// and cannot be part of a transaction (*CombinationError). A marshaler that sets DELAY or one of the
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
	// RequireLevel refuses a message whose delay is none of Levels where a level is
	// all there is, with the same errors. By default it waits for the next
	// longer level: an hour and a minute become two hours.
	RequireLevel bool
}

func (c *DelayConfig) setDefaults() {
	setDefault(&c.Max, 3*24*time.Hour)
	if c.Levels == nil {
		c.Levels = headers.DelayLevels()
	}
	c.Levels = slices.Clone(c.Levels) // the caller keeps his own
}

// check reports what is wrong.
func (c *DelayConfig) check(l *faults.List) {
	l.Duration("Delay.Max", c.Max)
	if len(c.Levels) == 0 {
		l.Add("Delay.Levels is empty, want nil for RocketMQ's own levels")
	}
	for i, level := range c.Levels {
		if level < time.Second || level%time.Second != 0 {
			l.Add("Delay.Levels[%d] is %v, want whole seconds", i, level)
		}
	}
}

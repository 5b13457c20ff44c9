// Package delays says how long a message waits before it is in its queue.
package delays

import (
	"fmt"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// What brokers write on delayed messages.
const (
	PropertyOut      = "TIMER_OUT_MS"
	PropertyEnqueued = "TIMER_ENQUEUE_MS"
	PropertyDequeued = "TIMER_DEQUEUE_MS"
	// PropertyDelete is on a message that recalls another: the unique id of that one, with its
	// topic and a plus sign before it in 5.3.3 (TimerMessageStore.buildDeleteKey).
	PropertyDelete = "TIMER_DEL_UNIQKEY"
)

// Precision is MessageStoreConfig.timerPrecisionMs.
const Precision = time.Second

// Delay says how long a message waits before it is in its queue. The zero value
// is that of a message that does not.
type Delay struct {
	Level int   // from 1 on
	Out   int64 // TIMER_OUT_MS, in milliseconds since 1970
}

// IsZero reports whether the message does not wait.
func (d Delay) IsZero() bool { return d == Delay{} }

// Due is when a message that was stored at a time is to be delivered. A level counts from
// that time, or from now if the clock was ahead and is not any more
// (ScheduleMessageService.correctDeliverTimestamp). A timer's second is worked on when it is over (TimerMessageStore.dequeue), so
// it is due a second after TIMER_OUT_MS.
func (d Delay) Due(storedInMilli, nowInMilli int64, levels []time.Duration) time.Time {
	if d.Level > 0 {
		return time.UnixMilli(min(storedInMilli, nowInMilli)).Add(levels[d.Level-1])
	}
	return time.UnixMilli(d.Out).Add(Precision)
}

// ByLevel tells the delay of a level. Those beyond the last one are the last one.
func ByLevel(levels []time.Duration) func(level int) time.Duration {
	return func(level int) time.Duration { return levels[max(1, min(level, len(levels)))-1] }
}

// Refusal is why a message is not taken.
type Refusal struct {
	Code   headers.ResponseCode
	Remark string
	// Checked is set if the message passed the first checks.
	Checked bool
}

// Rules are those of a broker. 4.9 knows no timers.
type Rules struct {
	Levels     int
	Five       bool
	NoTimers   bool
	MaxDelay   time.Duration
	NowInMilli int64
}

// Of reads what a message says of its delay, or returns the refusal
// (HookUtils.handleScheduleMessage of 5.5.0, CommitLog.asyncPutMessage of 4.9.7).
// A level wins over a timer, whose properties are taken away then.
func (r Rules) Of(set *properties.Set) (d Delay, refusal *Refusal) {
	level, err := Level(set)
	if err != nil {
		return Delay{}, &Refusal{headers.SystemError, err.Error(), false}
	}
	d.Level = max(0, min(level, r.Levels))
	if !r.Five {
		return d, nil
	}
	if d.Level > 0 {
		DropTimer(set)
		return d, nil
	}
	return r.timer(set)
}

// Level is the delay level that a message asks for, 0 without one. The error is in the words
// of Java.
func Level(set *properties.Set) (int, error) {
	text := set.Get(headers.PropertyDelayLevel)
	if text == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(text), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("java.lang.NumberFormatException: For input string: \"%s\"", text)
	}
	return int(n), nil
}

// WithoutLevel has a message that may have a delay level not wait for it, as 5.x does.
func WithoutLevel(list []byte) []byte {
	var set properties.Set
	set.Parse(list, nil)
	set.Set(headers.PropertyDelayLevel, "-1")
	return set.Append(nil, true)
}

// DropTimer takes away what makes a timer of a message.
func DropTimer(set *properties.Set) {
	set.Remove(headers.PropertyTimerDeliverMS)
	set.Remove(headers.PropertyTimerDelaySec)
	set.Remove(headers.PropertyTimerDelayMS)
}

// timer is Of for a timer (HookUtils.transformTimerMessage).
func (r Rules) timer(set *properties.Set) (Delay, *Refusal) {
	deliver, isTimer, err := deliverTime(set, r.NowInMilli)
	switch most := r.MaxDelay.Milliseconds(); {
	case !isTimer || set.Get(PropertyOut) != nil:
		return Delay{}, nil
	case r.NoTimers:
		return Delay{}, &Refusal{headers.SystemError, "accurate timer message is not enabled, timerWheelEnable is false", true}
	case err != nil || deliver-r.NowInMilli > most:
		return Delay{}, &Refusal{headers.MessageIllegal, fmt.Sprintf(
			"timer message illegal, the delay time should not be bigger than the max delay %dms; or if set del msg, the delay time should be bigger than the current time",
			most), true}
	case deliver <= r.NowInMilli:
		return Delay{}, nil
	}
	return Delay{Out: Slot(deliver)}, nil
}

// OutOf is the TIMER_OUT_MS of a timer message, 0 if it has none.
func OutOf(list []byte) int64 {
	var set properties.Set
	set.Parse(list, nil)
	out, _ := strconv.ParseInt(string(set.Get(PropertyOut)), 10, 64)
	return out
}

// deliverTime reads the timer properties, in the order in which the first that is
// there counts.
func deliverTime(set *properties.Set, now int64) (millis int64, isTimer bool, err error) {
	for _, p := range [...]struct {
		name       string
		base, unit int64
	}{
		{headers.PropertyTimerDelaySec, now, 1000},
		{headers.PropertyTimerDelayMS, now, 1},
		{headers.PropertyTimerDeliverMS, 0, 1},
	} {
		if text := set.Get(p.name); text != nil {
			n, err := strconv.ParseInt(string(text), 10, 64)
			return p.base + n*p.unit, true, err
		}
	}
	return 0, false, nil
}

// Slot is the TIMER_OUT_MS of a time: the whole second before it, also for a
// time that is a whole second itself.
func Slot(millis int64) int64 {
	step := Precision.Milliseconds()
	return (millis+step-1)/step*step - step
}

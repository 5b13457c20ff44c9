package publisher

import (
	"slices"
	"time"

	wmdelay "github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher/internal/failed"
)

// delay is what a message says about when it may be delivered.
type delay struct {
	// until is that time; zero if there is none.
	until time.Time
	// asked is how long the message was meant to wait when its delay was set, 0
	// if that is not known.
	asked time.Duration
	// timer says that the marshaler has made a timer message of it.
	timer bool
	// shorten says that a shorter delay is better than none.
	shorten bool
	// noTimer says why no broker can make a timer message of it, nil if those that
	// have timers can.
	noTimer error
	// applied says that the attempt under way, or the latest, has the broker delay it.
	applied bool
	// untimed are the brokers that take no timer message of it, though they have
	// delay levels. Whoever makes the attempts for the message adds them.
	untimed []untimedBroker
}

// delayOf reads a message's delay from its metadata, as components/delay of
// Watermill sets it.
//
// The time in _watermill_delayed_until lies anywhere within its second, since
// delay.Message cuts off the rest. So it counts as the end of that second, or,
// where that is less, as the length of the delay from now: it was set in the past.
func delayOf(msg *message.Message, now time.Time) (delay, error) {
	text := msg.Metadata[wmdelay.DelayedUntilKey]
	if text == "" {
		return delay{}, nil
	}
	until, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return delay{}, &DelayMetadataError{wmdelay.DelayedUntilKey, text, err}
	}
	end := until
	if until.Nanosecond() == 0 {
		end = until.Add(time.Second)
	}
	if !now.Before(end) {
		return delay{}, nil
	}
	var asked time.Duration
	if text := msg.Metadata[wmdelay.DelayedForKey]; text != "" {
		if asked, err = time.ParseDuration(text); err != nil {
			return delay{}, &DelayMetadataError{wmdelay.DelayedForKey, text, err}
		}
		switch latest := now.Add(asked); {
		case latest.Before(until):
			asked = 0 // not the delay that belongs to this time
		case latest.Before(end):
			end = latest
		}
	}
	if !now.Before(end) {
		return delay{}, nil
	}
	return delay{until: end, asked: asked}, nil
}

// timerTime is the TIMER_DELIVER_MS of a message that may be delivered from until
// on. The broker puts it back to the whole second before it, for which it is due
// (TIMER_OUT_MS; HookUtils.transformTimerMessage, 5.5.0): that must not be before
// until either.
func timerTime(until time.Time) int64 {
	second := until.Unix()
	if until.Nanosecond() > 0 {
		second++
	}
	return second*1000 + 1
}

// check holds the delay against the longest that is allowed.
func (d delay) check(limit time.Duration, now time.Time) error {
	if d.until.IsZero() {
		return nil
	}
	if ahead := time.UnixMilli(timerTime(d.until)).Sub(now); ahead > limit {
		return &DelayTooLongError{Delay: ahead, Max: limit}
	}
	return nil
}

// level returns the delay level for what is left of the delay, 0 if there is
// none. One that is longer than what is left will do, unless a level is required: then
// the delay that was asked for has to be a level itself, some of which has gone by
// since.
func (d delay) level(left time.Duration, cfg *DelayConfig) int {
	if longest := slices.Max(cfg.Levels); d.shorten && !cfg.RequireLevel && left > longest {
		left = longest
	}
	best := -1
	for i, level := range cfg.Levels {
		if level >= left && (best < 0 || level < cfg.Levels[best]) {
			best = i
		}
	}
	if best < 0 || cfg.Levels[best] != left && cfg.RequireLevel && !slices.Contains(cfg.Levels, d.asked) {
		return 0
	}
	return best + 1
}

// isDelay reports whether a message with that property is a delayed one.
func isDelay(property headers.Property) bool { return property.IsDelayLevel() || property.IsTimer() }

// prepareDelay finds out whether the message, with properties as the marshaler
// made them, is delayed; nil says that it is not. What a marshaler says of its own
// counts, and then the metadata does not. A level wins over a timer, on every broker.
func prepareDelay(properties []headers.Property, msg *message.Message, limit time.Duration, now time.Time) (*delay, error) {
	if slices.ContainsFunc(properties, isDelay) {
		return &delay{timer: !slices.ContainsFunc(properties, headers.Property.IsDelayLevel)}, nil
	}
	if msg.Metadata[wmdelay.DelayedUntilKey] == "" {
		return nil, nil
	}
	d, err := delayOf(msg, now)
	if err != nil {
		if failed.HasFailed(msg) {
			return nil, nil // it has been delivered before, whenever that was to be
		}
		return nil, err
	}
	if d.until.IsZero() {
		return nil, nil
	}
	d.shorten = failed.HasFailed(msg)
	return &d, d.check(limit, now)
}

// refuseTimer reports whether err is about timer messages only, and the message may
// wait in another way: a delay level has no such limit.
func (d *delay) refuseTimer(err error) bool {
	large, ok := err.(*MessageTooLargeError)
	if !ok || !large.Timer || d == nil || d.until.IsZero() {
		return false
	}
	d.noTimer = large
	return true
}

// longestDelayProperty is as long as the property that an attempt adds to a
// delayed message.
var longestDelayProperty = headers.Property{Name: headers.PropertyTimerDeliverMS, Value: "1000000000000"}

// unable marks the error of a broker that cannot do what a message needs, which another
// broker of the topic may do.
func unable(err error) error {
	v := judge(err)
	v.Unable = true
	return verdict.Mark(err, v)
}

// untimedBroker is a broker that has refused to make a timer message, and how.
type untimedBroker struct {
	name string
	err  error
}

// noTimerAt returns why the broker cannot make a timer message of the message, nil if it
// may.
func (d *delay) noTimerAt(broker string) error {
	for _, u := range d.untimed {
		if u.name == broker {
			return u.err
		}
	}
	return d.noTimer
}

// refuseTimerAt notes that a broker has refused to make a timer message. Another may do
// it, or a level of this one will do.
func (d *delay) refuseTimerAt(broker string, err error, cfg *DelayConfig) error {
	if d.until.IsZero() || d.level(time.Until(d.until), cfg) == 0 {
		return unable(err)
	}
	d.untimed = append(d.untimed, untimedBroker{broker, err})
	v := judge(err)
	if !v.Again() {
		v.Next = verdict.RetryElsewhere
	}
	return verdict.Mark(err, v)
}

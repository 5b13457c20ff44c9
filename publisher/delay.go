package publisher

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	wmdelay "github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// delay is what a message says about when it may be delivered. The zero value is
// that of a message that may be at once.
type delay struct {
	// until is that time; zero if there is none.
	until time.Time
	// asked is how long the message was meant to wait when its delay was set, 0
	// if that is not known.
	asked time.Duration
	// timer says that the marshaler has made a timer message of it.
	timer bool
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
// none. One that is longer than what is left will do if the delay that was asked
// for is a level itself, some of which has gone by since, or if rounding up is
// allowed.
func (d delay) level(left time.Duration, cfg *DelayConfig) int {
	best := -1
	for i, level := range cfg.Levels {
		if level >= left && (best < 0 || level < cfg.Levels[best]) {
			best = i
		}
	}
	if best < 0 || cfg.Levels[best] != left && !cfg.RoundUpToLevel && !slices.Contains(cfg.Levels, d.asked) {
		return 0
	}
	return best + 1
}

// isDelay reports whether a message with that property is a delayed one.
func isDelay(property headers.Property) bool { return isLevel(property) || isTimer(property) }

// isLevel does not count level 0, which is none.
func isLevel(property headers.Property) bool {
	return property.Name == headers.PropertyDelayLevel && property.Value != "0"
}

// isTimer reports whether a message with that property is a timer message. 4.9
// knows no such property.
func isTimer(property headers.Property) bool {
	switch property.Name {
	case headers.PropertyTimerDeliverMS, headers.PropertyTimerDelaySec, headers.PropertyTimerDelayMS:
		return true
	}
	return false
}

// prepareDelay finds out whether the message, with properties as the marshaler
// made them, is delayed. What a marshaler says of its own counts, and then the
// metadata does not. A level wins over a timer, on every broker.
func (e *entry) prepareDelay(properties []headers.Property, msg *message.Message, limit time.Duration, now time.Time) (delayed bool, err error) {
	e.delay = delay{}
	if slices.ContainsFunc(properties, isDelay) {
		e.delay.timer = !slices.ContainsFunc(properties, isLevel)
		return true, nil
	}
	if e.delay, err = delayOf(msg, now); err != nil {
		return false, err
	}
	return !e.delay.until.IsZero(), e.delay.check(limit, now)
}

// longestDelayProperty is as long as the property that an attempt adds to a
// delayed message.
var longestDelayProperty = headers.Property{Name: headers.PropertyTimerDeliverMS, Value: "1000000000000"}

// arrangeDelay chooses how the broker is to delay the batch's one message, by
// what the broker can do. Brokers of a topic may be of different versions, so each
// attempt chooses anew.
func (b *batch) arrangeDelay(ctx context.Context, route *routing.Route, queue routing.MessageQueue, addr string) error {
	p, d := b.lane.outbox.p, b.entries[0].delay
	b.delayedBy = headers.Property{}
	if d.until.IsZero() && !d.timer {
		return nil
	}
	version, err := p.brokerVersion(ctx, addr)
	if err != nil {
		return err
	}
	if version >= headers.Version5_0_0 {
		if !d.until.IsZero() {
			b.delayedBy = headers.Property{Name: headers.PropertyTimerDeliverMS, Value: strconv.FormatInt(timerTime(d.until), 10)}
		}
		return nil
	}
	if d.timer {
		b.cannot(route, queue)
		return &UnsupportedError{Feature: FeatureTimer, Addr: addr, Version: version, Since: "5.0.0"}
	}
	left := d.until.Sub(p.now())
	if left <= 0 {
		return nil
	}
	level := d.level(left, &p.cfg.Delay)
	if level == 0 {
		b.cannot(route, queue)
		return &DelayLevelError{Delay: left, Levels: slices.Clone(p.cfg.Delay.Levels), Addr: addr, Version: version}
	}
	b.delayedBy = headers.Property{Name: headers.PropertyDelayLevel, Value: strconv.Itoa(level)}
	return nil
}

// cannot notes that the queue's broker cannot do what the message needs, and
// whether the topic has another that is still to be asked.
func (b *batch) cannot(route *routing.Route, queue routing.MessageQueue) {
	b.unable = append(b.unable, queue.BrokerName)
	b.elsewhere = slices.ContainsFunc(route.Queues(), func(q routing.MessageQueue) bool {
		return !slices.Contains(b.unable, q.BrokerName)
	})
}

// takeElsewhere reports once whether the attempt failed for what another broker
// of the topic may be able to do.
func (b *batch) takeElsewhere() bool {
	elsewhere := b.elsewhere
	b.elsewhere = false
	return elsewhere
}

// delayError gives a broker's refusal of a timer message a type of its own. Other
// errors stay as they are.
func (b *batch) delayError(err error, route *routing.Route, queue routing.MessageQueue, addr string) error {
	d := b.entries[0].delay
	var status *headers.StatusError
	if d.until.IsZero() && !d.timer || !errors.As(err, &status) {
		return err
	}
	switch {
	case status.Code == headers.SystemError && strings.Contains(status.Remark, remarkNoTimers):
		b.cannot(route, queue)
		return &TimersDisabledError{Addr: addr, Err: err}
	case status.Code == headers.MessageIllegal && !d.until.IsZero() && strings.Contains(status.Remark, "timer message illegal"):
		ahead := time.UnixMilli(timerTime(d.until)).Sub(b.lane.outbox.p.now())
		return &DelayTooLongError{Delay: ahead, Err: err}
	}
	return err
}

// remarkNoTimers is in the answer of a broker with timerWheelEnable=false
// (SendMessageProcessor, 5.1.4 and 5.5.0).
const remarkNoTimers = "timer message is not enabled"

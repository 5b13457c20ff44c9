package publisher

import (
	"fmt"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// shownDelay is a delay as texts have it: what is below a millisecond is chance.
func shownDelay(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// DelayMetadataError means that the delay of a message cannot be read from its
// metadata. The message was not sent.
type DelayMetadataError struct {
	// Name of the metadata, and its Value.
	Name, Value string
	Err         error
}

// Error names metadata and reason.
func (e *DelayMetadataError) Error() string {
	return fmt.Sprintf("metadata %s is %q: %v", e.Name, e.Value, e.Err)
}

// Unwrap returns the reason.
func (e *DelayMetadataError) Unwrap() error { return e.Err }

// DelayTooLongError means that the time of a message is further ahead than
// Config.Delay.Max, or than the broker takes and no delay level is as long. The
// message was not sent, or the broker has refused it.
type DelayTooLongError struct {
	// Delay until the time that is, or was, asked of the broker.
	Delay time.Duration
	// Max is Config.Delay.Max, or 0 if it was the broker that refused.
	Max time.Duration
	// Err is the broker's answer, nil if it was not asked.
	Err error
}

// Error names delay and limit.
func (e *DelayTooLongError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("delay of %v (for the broker, rounded up) is more than the broker takes: %v", shownDelay(e.Delay), e.Err)
	}
	return fmt.Sprintf("delay of %v (for the broker, rounded up) is over the limit of %v", shownDelay(e.Delay), e.Max)
}

// Unwrap returns the broker's answer.
func (e *DelayTooLongError) Unwrap() error { return e.Err }

// DelayLevelError means that the broker knows delay levels only and has none for
// the delay of the message: it is longer than all levels, or it is none of them and
// Config.Delay.RequireLevel is set. The message was not sent.
type DelayLevelError struct {
	// Delay that was left when the message was to be sent.
	Delay time.Duration
	// Levels are those of Config.Delay.
	Levels []time.Duration
	// Addr and Version are the broker's.
	Addr    string
	Version headers.Version
}

// Error names delay, levels and broker, and what to do about it.
func (e *DelayLevelError) Error() string {
	advice := "use one of these"
	if slices.ContainsFunc(e.Levels, func(level time.Duration) bool { return level >= e.Delay }) {
		advice = "leave Config.Delay.RequireLevel unset or use one of these"
	}
	return fmt.Sprintf("broker %s (%v, before RocketMQ 5.0.0) has no delay level for a delay of %v, only %v: %s",
		e.Addr, e.Version, shownDelay(e.Delay), e.Levels, advice)
}

// TimersDisabledError means that the broker takes no timer messages
// (timerWheelEnable=false), and no delay level will do. It has not stored the message.
type TimersDisabledError struct {
	Addr string
	// Err is the broker's answer.
	Err error
}

// Error names the broker.
func (e *TimersDisabledError) Error() string {
	return fmt.Sprintf("broker %s takes no timer messages: %v", e.Addr, e.Err)
}

// Unwrap returns the broker's answer.
func (e *TimersDisabledError) Unwrap() error { return e.Err }

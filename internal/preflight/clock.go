package preflight

import (
	"fmt"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// maxClockDifference is how far clocks may be apart without a warning.
const maxClockDifference = 5 * time.Second

// clock compares the broker's clock with this machine's. No answer of a broker has
// its time, but GET_BROKER_RUNTIME_INFO has when its store began and how long it
// has run since, in whole seconds (StoreStatsService of 4.9.7 and 5.5.0).
func (c *checker) clock(subject, addr string) check.Item {
	began := time.Now()
	answer, took, err := c.ask(addr, headers.RuntimeInfo{}, nil)
	if err != nil {
		item := c.failed(check.Clock, subject, err, "")
		if item.Status == check.Bad {
			item.Status, item.Advice = check.Unknown, ""
			item.Reason = "the broker does not tell its running time: " + item.Reason
		}
		return item
	}
	info, err := headers.ParseRuntimeInfo(answer.Body)
	if err != nil {
		item := unknown(check.Clock, subject, err.Error())
		item.Err = err
		return item
	}
	started, err := strconv.ParseInt(info["bootTimestamp"], 10, 64)
	up, ok := parseUptime(info["runtime"])
	if err != nil || !ok {
		return unknown(check.Clock, subject, "the broker's runtime information has no bootTimestamp and runtime")
	}
	// What was cut off the seconds is half a second on average.
	theirs := time.UnixMilli(started).Add(up + time.Second/2)
	ahead := theirs.Sub(began.Add(took / 2))
	uncertain := time.Second/2 + took/2
	switch {
	case ahead.Abs() > maxClockDifference+uncertain:
		where := "ahead of"
		if ahead < 0 {
			where = "behind"
		}
		return warning(check.Clock, subject, fmt.Sprintf("about %v %s this machine's", ahead.Abs().Round(time.Second), where),
			"set both by NTP: messages for a given time are delivered by the broker's clock")
	case ahead.Abs() > uncertain:
		return fine(check.Clock, subject, fmt.Sprintf("within %v of this machine's", maxClockDifference))
	}
	return fine(check.Clock, subject, "the same as this machine's, as far as whole seconds tell")
}

// parseUptime reads "[ 1 days, 2 hours, 3 minutes, 4 seconds ]". Java writes
// numbers of 1,000 and more with a separator, which is that of the broker's
// language.
func parseUptime(text string) (time.Duration, bool) {
	var days, hours, minutes, seconds int64
	if n, err := fmt.Sscanf(text, "[ %d days, %d hours, %d minutes, %d seconds ]", &days, &hours, &minutes, &seconds); n != 4 || err != nil {
		return 0, false
	}
	if days < 0 || days > 999 || hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59 {
		return 0, false
	}
	return time.Duration(days)*24*time.Hour + time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute + time.Duration(seconds)*time.Second, true
}

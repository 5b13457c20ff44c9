package info

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/counts"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Runtime is the body of the answer to GET_BROKER_RUNTIME_INFO (KVTable), with what means
// something here: nothing of threads, disks and times that operations take.
type Runtime struct {
	Table map[string]string `json:"table"`
}

// Numbers are those of a broker at a time.
type Numbers struct {
	Put, Got counts.Totals
	// FirstOffset and EndOffset are the bounds of the log, Earliest is when its first message
	// was stored, to a millisecond.
	FirstOffset, EndOffset, Earliest int64
}

// RuntimeOf is that of a broker of a version that was started at a time.
func RuntimeOf(v headers.Version, started, now time.Time, n Numbers) Runtime {
	up := now.Sub(started)
	name := strings.ReplaceAll(v.String(), ".", "_")
	table := map[string]string{
		"bootTimestamp":     strconv.FormatInt(started.UnixMilli(), 10),
		"brokerActive":      "true",
		"brokerVersionDesc": "V" + strings.ReplaceAll(name, "-", "_"),
		// StoreStatsService.getFormatRuntime of 5.5.0
		"runtime": fmt.Sprintf("[ %d days, %d hours, %d minutes, %d seconds ]",
			up/(24*time.Hour), up/time.Hour%24, up/time.Minute%60, up/time.Second%60),
	}
	if v < headers.Version5_4_0 {
		table["brokerVersion"] = strconv.Itoa(int(v))
	}
	for name, number := range map[string]int64{
		"commitLogMaxOffset":          n.EndOffset,
		"commitLogMinOffset":          n.FirstOffset,
		"earliestMessageTimeStamp":    n.Earliest,
		"msgGetTotalTodayMorning":     n.Got.Today,
		"msgGetTotalTodayNow":         n.Got.Now,
		"msgGetTotalYesterdayMorning": n.Got.Yesterday,
		"msgPutTotalTodayMorning":     n.Put.Today,
		"msgPutTotalTodayNow":         n.Put.Now,
		"msgPutTotalYesterdayMorning": n.Put.Yesterday,
	} {
		table[name] = strconv.FormatInt(number, 10)
	}
	// Nothing here waits for threads or is late.
	for _, name := range [...]string{
		"EndTransactionQueueSize", "ackThreadPoolQueueHeadWaitTimeMills", "ackThreadPoolQueueSize", "dispatchBehindBytes",
		"litePullThreadPoolQueueHeadWaitTimeMills", "litePullThreadPoolQueueSize", "pageCacheLockTimeMills", "pullThreadPoolQueueHeadWaitTimeMills",
		"pullThreadPoolQueueSize", "queryThreadPoolQueueHeadWaitTimeMills", "queryThreadPoolQueueSize", "sendThreadPoolQueueHeadWaitTimeMills",
		"sendThreadPoolQueueSize", "timerOffsetBehind", "timerReadBehind",
	} {
		table[name] = "0"
	}
	return Runtime{table}
}

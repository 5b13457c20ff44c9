package embedded_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// oneAnswer says once how much of a disk is used, and then that it does not know: a look
// changes nothing then. Brokers look every 5 s of the real clock as well.
type oneAnswer struct {
	mu    sync.Mutex
	used  float64
	open  bool // used was not asked for yet
	again int  // times that somebody has asked since
}

var errUnknown = errors.New("nobody knows")

func (a *oneAnswer) is(percent int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used, a.open, a.again = float64(percent)/100, true, 0
}

func (a *oneAnswer) usage(string) (float64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open {
		a.open = false
		return a.used, nil
	}
	a.again++
	return 0, errUnknown
}

// over reports whether the look that got the answer has ended: another one has begun.
func (a *oneAnswer) over() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.again > 0
}

// When the disk fills up the oldest files go, up to ten at a look, and beyond the second
// limit sends are refused until the first one holds again.
func TestDiskLimits(t *testing.T) {
	var disk oneAnswer
	disk.is(50)
	dir := t.TempDir()
	cluster := start(t, embedded.Dir(dir), embedded.WithCommitLogFileSize(16<<10), embedded.WithTopic("orders", 1), embedded.WithDiskLimits(0.85, 0.9),
		embedded.WithDiskUsage(disk.usage))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	for range 26 {
		c.succeed(message("orders"), make([]byte, 8<<10)) // one in a file
	}
	// look has the broker look once, and returns how many files there are.
	look := func(used int) int {
		disk.is(used)
		for !disk.over() {
			cluster.Advance(6 * time.Second)
		}
		files, err := filepath.Glob(filepath.Join(dir, "commitlog", "*"))
		require.NoError(t, err)
		return len(files)
	}
	send := func() headers.ResponseCode {
		a := c.call(message("orders"), []byte("more"))
		return headers.ResponseCode(a.Code)
	}
	require.Equal(t, 26, look(85))
	require.Equal(t, 16, look(86))
	first := c.call(&headers.QueueRequest{Code: headers.CodeMinOffset, Topic: "orders"}, nil)
	require.Equal(t, "10", fields(first)["offset"], "what was in them is gone")
	require.Equal(t, headers.Success, send())
	require.Equal(t, 6, look(91))
	require.Equal(t, headers.ServiceNotAvailable, send())
	require.Equal(t, 1, look(88), "the last one stays")
	require.Equal(t, headers.ServiceNotAvailable, send(), "it is full until there is room")
	require.Equal(t, 1, look(85))
	require.Equal(t, headers.Success, send())
	found := c.call(&headers.QueryMessage{Topic: "orders", Key: "none", MaxMessages: 1, End: math.MaxInt64}, nil)
	require.EqualValues(t, headers.QueryNotFound, found.Code)

	_, err := embedded.Start(embedded.Dir(t.TempDir()), embedded.WithDiskLimits(0.85, 0.9), embedded.WithDiskUsage(func(string) (float64, error) { return 0, errUnknown }))
	require.ErrorIs(t, err, errUnknown)
}

// The sizes that are asked for are those of the files that are left behind.
func TestFileSizes(t *testing.T) {
	dir := t.TempDir()
	cluster, err := embedded.Start(embedded.Dir(dir), embedded.WithTopic("orders", 1), embedded.WithCommitLogFileSize(1<<20),
		embedded.WithConsumeQueueFileSize(2000), embedded.WithIndexFileSize(10, 100), embedded.WithDiskLimits(0.999, 1))
	require.NoError(t, err)
	dial(t, cluster, cluster.Broker(0).Addr()).succeed(message("orders", with("KEYS", "red")), []byte("a"))
	require.NoError(t, cluster.Close())
	for pattern, size := range map[string]int64{"commitlog/*": 1 << 20, "consumequeue/orders/0/*": 2000, "index/*": 40 + 4*10 + 20*100} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.Len(t, files, 1)
		info, err := os.Stat(files[0])
		require.NoError(t, err)
		require.Equal(t, size, info.Size(), pattern)
	}
	for _, wrong := range []embedded.Option{
		embedded.WithConsumeQueueFileSize(2001), embedded.WithConsumeQueueFileSize(-20), embedded.WithIndexFileSize(0, 5), embedded.WithIndexFileSize(5, 1),
		embedded.WithIndexFileSize(-1, -1), embedded.WithDiskLimits(0, 0.5), embedded.WithDiskLimits(0.9, 0.8), embedded.WithDiskLimits(0.9, 1.1), embedded.WithSyncFlushTimeout(-1), embedded.WithSyncFlushTimeout(time.Second),
	} {
		_, err := embedded.Start(embedded.Dir(dir), wrong)
		require.ErrorContains(t, err, "options")
	}
	for _, homeless := range []embedded.Option{embedded.WithConsumeQueueFileSize(2000), embedded.WithIndexFileSize(10, 100), embedded.WithDiskLimits(0.8, 0.9)} {
		_, err := embedded.Start(homeless)
		require.ErrorContains(t, err, "in a folder")
	}
}

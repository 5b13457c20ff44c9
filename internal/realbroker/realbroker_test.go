//go:build unix

package realbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// eventually bounds what takes a moment.
const eventually = 3 * time.Minute

func TestCluster(t *testing.T) {
	Require(t)
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c := Start(t, Config{Version: version})
			t.Run("ReadsWhatJavaSent", func(t *testing.T) { readsWhatJavaSent(t, c) })
			t.Run("Batch", func(t *testing.T) { readsBatch(t, c) })
			t.Run("Topics", func(t *testing.T) { createsTopics(t, c) })
			t.Run("Producers", func(t *testing.T) { assert.Empty(t, c.Producers(t, "nobody")) })
			t.Run("Judges", func(t *testing.T) { judgesBytes(t, c) })
			t.Run("Admin", func(t *testing.T) {
				assert.Contains(t, c.Admin(t, "clusterList"), c.Broker(0).Addr)
			})
			t.Run("WitnessErrors", func(t *testing.T) { reportsErrors(t, c) })
			t.Run("PauseAndResume", func(t *testing.T) { pausesAndResumes(t, c) })
			t.Run("KillAndStart", func(t *testing.T) { killsAndStarts(t, c) })
			t.Run("Close", func(t *testing.T) { leavesNothing(t, c) })
		})
	}
}

func readsWhatJavaSent(t *testing.T, c *Cluster) {
	sent := c.JavaProduce(t, "orders", 20, "--tag", "new", "--size", "5000")
	require.Len(t, sent, 20)
	stored := c.Read(t, "orders", 20)
	require.Len(t, stored, 20)

	byID := make(map[string]StoredMessage)
	for _, m := range stored {
		byID[m.MsgID] = m
	}
	for i, s := range sent {
		assert.Equal(t, "SEND_OK", s.Status)
		m, ok := byID[s.MsgID]
		require.True(t, ok, "message %d is not there", i)
		assert.Equal(t, "orders", m.Topic)
		assert.Equal(t, c.Broker(0).Name, m.BrokerName)
		assert.Equal(t, s.OffsetMsgID, m.OffsetMsgID)
		assert.Equal(t, s.QueueID, m.QueueID)
		assert.Equal(t, s.QueueOffset, m.QueueOffset)
		assert.Equal(t, fmt.Sprintf("key-%d", i), m.Keys)
		assert.Equal(t, "new", m.Tags)
		assert.Equal(t, fmt.Sprint(i), m.Properties["n"])
		assert.NotContains(t, m.Properties, "MIN_OFFSET")
		assert.Len(t, m.Body, 5000)
		assert.True(t, bytes.HasPrefix(m.Body, fmt.Appendf(nil, "java-%d.", i)))
		assert.Less(t, m.StoreSize, int32(5000), "the Java client compresses bodies of this size")
		assert.NotZero(t, m.StoreTimestamp)
	}

	assert.Equal(t, sent[7].MsgID, only(t, c.QueryKey(t, "orders", "key-7")).MsgID)
	assert.Equal(t, "key-8", only(t, c.QueryID(t, "orders", sent[8].MsgID)).Keys)
	assert.Equal(t, "key-9", only(t, c.View(t, "orders", sent[9].OffsetMsgID)).Keys)
	assert.Empty(t, c.Read(t, "nowhere", 0))
	assert.Empty(t, lines[StoredMessage](t, c.Witness(t, "query-key", "orders", "no-such-key", "--timeout-ms", "0")))
	assert.Empty(t, lines[StoredMessage](t, c.Witness(t, "query-id", "orders", strings.Repeat("7F", 16), "--timeout-ms", "0")))
}

func readsBatch(t *testing.T, c *Cluster) {
	sent := only(t, c.JavaProduce(t, "batches", 10, "--batch"))
	stored := c.Read(t, "batches", 10)
	require.Len(t, stored, 10)
	for i, m := range stored {
		assert.Contains(t, sent.MsgID, m.MsgID)
		assert.Equal(t, fmt.Sprintf("java-%d", i), string(m.Body))
		assert.Equal(t, int64(i), m.QueueOffset)
	}
	c.JavaProduce(t, "batches", 3, "--oneway")
	assert.Len(t, c.Read(t, "batches", 13), 13)
}

func createsTopics(t *testing.T, c *Cluster) {
	c.CreateTopic(t, "seven", 7)
	assert.Contains(t, c.Topics(t), "seven")
	_, body, err := askRoute(t.Context(), c.NameServers()[0], "seven")
	require.NoError(t, err)
	assert.Contains(t, string(body), `"writeQueueNums":7`)
}

func judgesBytes(t *testing.T, c *Cluster) {
	reserved := c.Reserved(t)
	assert.Contains(t, reserved.MessageConst, "UNIQ_KEY")
	assert.Contains(t, reserved.StringHashSet, "KEYS")
	assert.Contains(t, reserved.SystemTopics, "TBW102")
	assert.Contains(t, reserved.NotAllowedSend, "SCHEDULE_TOPIC_XXXX")

	properties := c.Properties(t, []byte("a\x01b\x02ü\x01\"\n\x7f\x02"), nil)
	assert.Equal(t, []map[string]string{{"a": "b", "ü": "\"\n\x7f"}, {}}, properties)
	assert.Empty(t, c.Properties(t))

	// "hello" as zlib stores it without compressing it.
	hello := []byte("\x78\x01\x01\x05\x00\xfa\xffhello\x06\x2c\x02\x15")
	assert.Equal(t, [][]byte{[]byte("hello"), []byte("hello")}, c.Decompress(t, "zlib", hello, hello))
	// The failed command has taken all of its input with it.
	_, err := c.call([]string{"decompress", "no-such-type"}, [][]byte{hello, hello})
	require.ErrorContains(t, err, "NO-SUCH-TYPE")
	assert.Equal(t, [][]byte{[]byte("hello")}, c.Decompress(t, "zlib", hello))
}

func reportsErrors(t *testing.T, c *Cluster) {
	for _, args := range [][]string{{"no-such-command"}, {"read"}, {"read", "orders", "--exepct", "1"}, {"view", "orders", "xyz"}} {
		_, err := c.call(args, nil)
		require.ErrorContains(t, err, args[0])
	}
	_, err := c.admin([]string{"topicRoute", "-t", "no-such-topic"})
	require.Error(t, err)

	// A witness that dies is replaced.
	require.NoError(t, c.session.process.kill())
	_, err = c.call([]string{"topics"}, nil)
	require.Error(t, err)
	assert.NotEmpty(t, c.Topics(t))
}

func pausesAndResumes(t *testing.T, c *Cluster) {
	b := c.Broker(0)
	require.NoError(t, b.Pause())
	// The kernel goes on accepting; the broker does not answer.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, _, err := askRoute(ctx, b.Addr, "orders")
	require.Error(t, err)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	assert.True(t, timeout.Timeout())

	require.NoError(t, b.Resume())
	ctx, cancel = context.WithTimeout(t.Context(), eventually)
	defer cancel()
	_, _, err = askRoute(ctx, b.Addr, "orders")
	require.NoError(t, err)

	require.NoError(t, c.NameServerPause(0))
	require.NoError(t, c.NameServerResume(0))
}

func killsAndStarts(t *testing.T, c *Cluster) {
	b := c.Broker(0)
	require.ErrorContains(t, b.Start(), "is running")
	const count = 2000
	require.Len(t, c.JavaProduce(t, "crash", count), count)
	pid, addr := b.PID(), b.Addr
	require.NoError(t, b.Kill())
	assert.False(t, alive(pid))
	assert.NoError(t, b.Kill(), "once more is no error")

	begin := time.Now()
	require.NoError(t, b.Start())
	t.Logf("started again in %s", time.Since(begin).Round(time.Millisecond))
	assert.Equal(t, addr, b.Addr)
	assert.NotEqual(t, pid, b.PID())
	begin = time.Now()
	assert.Len(t, c.Read(t, "crash", count), count)
	t.Logf("read %d messages in %s", count, time.Since(begin).Round(time.Millisecond))
	assert.Len(t, c.Read(t, "orders", 20), 20)
}

func leavesNothing(t *testing.T, c *Cluster) {
	// A paused process has to go too.
	require.NoError(t, c.Broker(0).Pause())
	pids := []int{c.Broker(0).PID(), c.nameServers[0].process.cmd.Process.Pid, c.session.process.cmd.Process.Pid}
	for _, pid := range pids {
		require.True(t, alive(pid))
	}
	require.NoError(t, c.Close())
	for _, pid := range pids {
		assert.False(t, alive(pid), "process %d is left", pid)
	}
	assert.NoDirExists(t, c.dir)
	require.NoError(t, c.Close())
	_, err := c.call([]string{"topics"}, nil)
	require.ErrorContains(t, err, "closed")
}

// TestSecondCluster runs beside the clusters of TestCluster, as the tests of
// several packages do.
func TestSecondCluster(t *testing.T) {
	t.Parallel()
	Require(t)
	c := Start(t, Config{
		Version:     "5.5.0",
		Brokers:     2,
		NameServers: 2,
		BrokerProps: map[string]string{"autoCreateTopicEnable": "false"},
	})
	c.CreateTopic(t, "spread", 2)
	ctx, cancel := context.WithTimeout(t.Context(), 10*eventually)
	defer cancel()
	for _, ns := range c.NameServers() {
		// A broker that is slow to tell of the topic would be sent nothing.
		require.NoError(t, poll(ctx, readyInterval, func() (bool, error) {
			_, body, err := askRoute(ctx, ns, "spread")
			return bytes.Contains(body, []byte(c.Broker(0).Addr)) && bytes.Contains(body, []byte(c.Broker(1).Addr)), err
		}))
		w := WitnessFor(t, "4.9.7", []string{ns})
		if ns == c.NameServers()[0] {
			w.JavaProduce(t, "spread", 16)
		}
		brokers := make(map[string]int)
		for _, m := range w.Read(t, "spread", 16) {
			brokers[m.BrokerName]++
		}
		assert.Equal(t, map[string]int{"broker-a": 8, "broker-b": 8}, brokers)
	}

	require.NoError(t, c.NameServerStop(1))
	require.NoError(t, c.Broker(1).Kill())
	require.NoError(t, c.Broker(1).Start(), "with one name server gone")
	require.NoError(t, c.NameServerStart(1))
	require.NoError(t, c.AwaitRoutes(ctx))
	assert.Len(t, c.Read(t, "spread", 16), 16)

	begin := time.Now()
	require.NoError(t, c.Broker(0).Stop())
	t.Logf("a clean stop takes %s", time.Since(begin).Round(time.Millisecond))
	// Name servers hear of it from the broker, or by the end of its connection.
	require.NoError(t, poll(ctx, readyInterval, func() (bool, error) {
		for _, ns := range c.NameServers() {
			_, body, err := askRoute(ctx, ns, "spread")
			if err != nil || bytes.Contains(body, []byte(c.Broker(0).Addr)) {
				return false, err
			}
		}
		return true, nil
	}))
	assert.Len(t, c.Read(t, "spread", 8), 8)
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	Require(t)
	j, err := openJars(t.Context(), "4.9.7")
	require.NoError(t, err)
	taken, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer taken.Close()

	h, err := newHome(t.TempDir())
	require.NoError(t, err)
	s := newNameServer(j, h, "namesrv")
	tried := 0
	err = onFreePort(func(port int) error {
		if tried++; tried == 1 {
			port = taken.Addr().(*net.TCPAddr).Port
		}
		return s.startOn(t.Context(), port)
	})
	require.NoError(t, err)
	assert.GreaterOrEqual(t, tried, 2, "somebody else may have had the second")
	require.NoError(t, s.kill())
}

func TestLaunchFails(t *testing.T) {
	t.Parallel()
	_, err := Launch(t.Context(), Config{Version: "../5", Brokers: 27, NameServers: -1}, nil)
	require.ErrorContains(t, err, "Version")
	require.ErrorContains(t, err, "Brokers")
	require.ErrorContains(t, err, "NameServers")

	Require(t)
	_, err = Launch(t.Context(), Config{Version: "4.9.7", BrokerProps: map[string]string{"brokerRole": "SLAVE"}}, nil)
	require.ErrorContains(t, err, "broker-a ended while it was starting")
	require.ErrorContains(t, err, "end of the log")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Launch(ctx, Config{Version: "4.9.7"}, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestBuildOnce(t *testing.T) {
	t.Parallel()
	cache := filepath.Join(t.TempDir(), "cache")
	dir := filepath.Join(cache, "thing")
	builds := 0
	err := inParallel(8, func(int) error {
		return buildOnce(t.Context(), dir, func(string) error { builds++; return nil })
	})
	require.NoError(t, err)
	assert.Equal(t, 1, builds, "the race detector watches this too")

	failure := errors.New("no luck")
	err = buildOnce(t.Context(), dir+"2", func(string) error { return failure })
	require.ErrorIs(t, err, failure)
	assert.NoDirExists(t, dir+"2")
	entries, err := os.ReadDir(cache)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "the thing and the lock, nothing half done: %v", entries)
}

// only returns the one element of a slice.
func only[T any](t *testing.T, all []T) T {
	t.Helper()
	require.Len(t, all, 1)
	return all[0]
}

// alive says whether a process exists.
func alive(pid int) bool {
	return syscall.Kill(pid, 0) == nil
}

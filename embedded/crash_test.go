package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// crashFolder has the test process be a broker with a folder, which is killed.
const crashFolder = "EMBEDDED_CRASH_FOLDER"

// TestCrashChild is the broker of TestCrashes. It says where it listens, and runs until it is
// killed, or its parent is gone.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashFolder)
	if dir == "" {
		t.Skip("started by TestCrashes")
	}
	c, err := embedded.Start(embedded.Dir(dir), embedded.WithSyncFlush(), embedded.WithSyncFlushTimeout(time.Hour), embedded.WithCommitLogFileSize(64<<10), embedded.WithTopic("orders", 3))
	require.NoError(t, err)
	fmt.Printf("%s\n", c.Broker(0).Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startChild starts a broker in a process of its own.
func startChild(t *testing.T, dir string) (addr string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	cmd.Env = append(os.Environ(), crashFolder+"="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the broker has not started")
	return lines.Text(), func() {
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		_ = in.Close()
	}
}

// A broker with sync flush is killed again and again in the middle of publishing: what it
// acknowledged is there, nothing is there twice, and queues have no holes.
func TestCrashes(t *testing.T) {
	times := 100
	if testing.Short() {
		times = 5
	}
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0))
	acknowledged := make(map[string]bool)
	for round := range times {
		addr, kill := startChild(t, dir)
		after := 1 + dice.IntN(120) // acknowledgements
		for id := range publishUntil(t, addr, round, after, kill) {
			acknowledged[id] = true
		}
		if dice.IntN(3) == 0 {
			continue // the next one has two crashes to deal with
		}
		c, err := embedded.Start(embedded.Dir(dir))
		require.NoError(t, err)
		requireAll(t, c, acknowledged)
		require.NoError(t, c.Close())
	}
	c, err := embedded.Start(embedded.Dir(dir))
	require.NoError(t, err)
	requireAll(t, c, acknowledged)
	require.NoError(t, c.Close())
	require.GreaterOrEqual(t, len(acknowledged), times)
}

// publishUntil publishes from several connections until so many are acknowledged, kills the
// broker in the middle of what is under way, and returns the ids that were acknowledged.
func publishUntil(t *testing.T, addr string, round, after int, kill func()) map[string]bool {
	t.Helper()
	client, err := transport.New(transport.Config{DialTimeout: patience, WriteTimeout: patience})
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	var mu sync.Mutex
	acknowledged := make(map[string]bool)
	enough := make(chan struct{})
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d-%d", round, caller, i)
				h := message("orders", toQueue(int32(i%3)), with("UNIQ_KEY", id))
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
				answer, err := client.Invoke(ctx, addr, headers.InJSON(h), make([]byte, 50+i%700))
				cancel()
				if err != nil || answer.Err() != nil {
					return
				}
				mu.Lock()
				acknowledged[id] = true
				if len(acknowledged) == after {
					close(enough)
				}
				mu.Unlock()
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(5 * time.Minute):
		t.Error("too few messages were acknowledged")
	}
	kill()
	callers.Wait()
	return acknowledged
}

// requireAll wants all messages to be there, each once, in queues without holes.
func requireAll(t *testing.T, c *embedded.Cluster, want map[string]bool) {
	t.Helper()
	stored, err := c.Messages("orders")
	require.NoError(t, err)
	there := make(map[string]bool)
	next := make(map[int32]int64)
	for _, m := range stored {
		require.False(t, there[m.UniqueKey], "%s is there twice", m.UniqueKey)
		there[m.UniqueKey] = true
		require.Equal(t, next[m.QueueID], m.QueueOffset, "queue %d", m.QueueID)
		next[m.QueueID]++
	}
	for id := range want {
		require.True(t, there[id], "%s was acknowledged", id)
	}
}

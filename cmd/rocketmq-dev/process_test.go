//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// The command ends in order on the signals of people and of containers.
func TestSignals(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := startProcess(t)
		roundTrip(t, clusterAt(p.nameServer), "orders")
		require.Equal(t, exitOK, p.end(t, signal), "%s", p.log)
		require.Contains(t, p.log.String(), "msg=ended")
		_, err := net.Dial("tcp", p.nameServer)
		require.Error(t, err)
	}
}

// fill writes into a pipe until not one byte more goes in. It asks the system itself, as a
// deadline may be over before anything was tried.
func fill(t *testing.T, pipe *os.File) {
	t.Helper()
	raw, err := pipe.SyscallConn()
	require.NoError(t, err)
	for _, size := range []int{4096, 1} {
		for full := false; !full; {
			var failure error
			require.NoError(t, raw.Write(func(fd uintptr) bool {
				_, failure = syscall.Write(int(fd), make([]byte, size))
				return true // it does not wait until there is room
			}))
			full = errors.Is(failure, syscall.EAGAIN)
			if !full && !errors.Is(failure, syscall.EINTR) {
				require.NoError(t, failure)
			}
		}
	}
}

// A command that does not end, here since nobody reads its line, is ended by the next signal.
func TestSecondSignal(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	defer writer.Close()
	fill(t, writer)

	var log output
	cmd := exec.Command(os.Args[0], anyPorts...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdout, cmd.Stderr = writer, &log
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "msg=ready") }, patience, time.Millisecond)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); ; {
		select {
		case <-ended:
			status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			require.True(t, ok)
			require.True(t, status.Signaled(), "%v", cmd.ProcessState)
			require.Equal(t, syscall.SIGTERM, status.Signal())
			return
		case <-tick.C:
			_ = cmd.Process.Signal(syscall.SIGTERM)
		case <-end:
			t.Fatal("it does not end")
		}
	}
}

// The exit codes of -h are those of the program.
func TestExitCodes(t *testing.T) {
	port := freePorts(t, 1)
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", itoa(port)))
	require.NoError(t, err)
	defer l.Close()
	for _, test := range []struct {
		args []string
		code int
	}{
		{[]string{"-h"}, 0},
		{[]string{"-addr", l.Addr().String()}, 1},
		{[]string{"-nonsense"}, 2},
	} {
		cmd := exec.Command(os.Args[0], append(anyPorts[:len(anyPorts):len(anyPorts)], test.args...)...)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		err := cmd.Run()
		var failed *exec.ExitError
		require.True(t, err == nil || errors.As(err, &failed), "%v", err)
		require.Equal(t, test.code, cmd.ProcessState.ExitCode(), "%q", test.args)
	}
}

// A command with a folder is ended in the middle of a load, again and again: what was
// acknowledged is there when it runs again.
func TestEndedUnderLoad(t *testing.T) {
	t.Run("SIGTERM", func(t *testing.T) { endUnderLoad(t, syscall.SIGTERM, exitOK) })
	t.Run("SIGKILL", func(t *testing.T) { endUnderLoad(t, syscall.SIGKILL, -1, "-sync") })
}

func endUnderLoad(t *testing.T, signal syscall.Signal, code int, args ...string) {
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	for round := range rounds {
		p := startProcess(t, append([]string{"-data", dir, "-topic", "orders:4"}, args...)...)
		var load sync.WaitGroup
		var mu sync.Mutex // guards acknowledged and failures
		var failures []error
		enough, over := make(chan struct{}), make(chan struct{})
		begun := len(acknowledged)
		// What a slow disk has not taken in time is not acknowledged.
		pub, err := publisher.New(patient(publisher.Config{Cluster: clusterAt(p.nameServer), RequireDurable: true}), nil)
		require.NoError(t, err)
		defer pub.Close()
		// Without a deadline: with -sync, sixteen callers at a time wait for the disk.
		ctx, giveUp := context.WithCancel(context.Background())
		defer giveUp()
		for caller := range 16 {
			load.Go(func() { // ends when the command is gone
				for n := 0; ; n++ {
					id := fmt.Sprintf("%d-%d-%d", round, caller, n)
					err := pub.Publish("orders", message.NewMessageWithContext(ctx, id, []byte("a book")))
					mu.Lock()
					var notDurable *publisher.NotDurableError
					switch {
					case err == nil:
						acknowledged[id] = true
						if len(acknowledged) == begun+1000 {
							close(enough)
						}
					case !errors.As(err, &notDurable):
						failures = append(failures, err)
						mu.Unlock()
						return
					}
					mu.Unlock()
				}
			})
		}
		go func() {
			load.Wait()
			close(over)
		}()
		select {
		case <-enough:
		case <-over:
			require.Fail(t, "the load has ended by itself", "%v", failures)
		}
		require.Equal(t, code, p.end(t, signal), "%s", p.log)
		giveUp()
		<-over
	}
	p := startProcess(t, "-data", dir)
	missing := maps.Clone(acknowledged)
	sub, err := subscriber.New(readers(clusterAt(p.nameServer)), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, sub.Close()) }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	messages, err := sub.Subscribe(ctx, "orders")
	require.NoError(t, err)
	for len(missing) > 0 {
		select {
		case msg, ok := <-messages:
			require.True(t, ok, "%d are missing", len(missing))
			delete(missing, msg.UUID)
			msg.Ack()
		case <-ctx.Done():
			require.Empty(t, slices.Sorted(maps.Keys(missing)), "of %d", len(acknowledged))
		}
	}
	require.GreaterOrEqual(t, len(acknowledged), rounds*1000)
}

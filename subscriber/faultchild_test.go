package subscriber_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// childVariable has the childConfig in the environment of a process of this test's that is
// a member of a group and nothing else.
const childVariable = "SUBSCRIBER_TEST_CHILD"

// childConfig is what a child consumes.
type childConfig struct {
	Name, Topic, Group string
	NameServers        []string
	Engine             subscriber.Engine
	Ordered            bool
	Lease              time.Duration
}

// isChild runs a child if this process is one.
func isChild() bool {
	text := os.Getenv(childVariable)
	if text == "" {
		return false
	}
	if err := runChild(text); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	return true
}

// runChild consumes until its standard input ends. It says on its standard output what
// happens to messages, an entry a line, the first of which is empty: it has joined.
func runChild(text string) error {
	var cfg childConfig
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return err
	}
	sub, err := subscriber.New(subscriber.Config{
		Cluster: rocketmq.Cluster{NameServers: cfg.NameServers}, Group: cfg.Group,
		Engine: cfg.Engine, Ordered: cfg.Ordered, Lease: cfg.Lease,
	}, watermill.NewStdLoggerWithOut(os.Stderr, false, false))
	if err != nil {
		return err
	}
	messages, err := patient{sub}.Subscribe(context.Background(), cfg.Topic)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	tell := func(e entry) {
		mu.Lock()
		defer mu.Unlock()
		if out.Encode(e) != nil {
			os.Exit(1) // nobody listens
		}
	}
	tell(entry{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = sub.Close()
	}()
	consumeAs(cfg.Name, messages, someWork, tell)
	if err := sub.Close(); err != nil && !isUnconfirmed(err) { // whoever asks the brokers knows better
		return err
	}
	return nil
}

// child is a member of a group in a process of its own.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	// read is closed when all that it has said is noted.
	read chan struct{}
}

// startChild starts a member and waits until it has joined.
func startChild(t *testing.T, cfg childConfig, note func(entry)) *child {
	t.Helper()
	text, err := json.Marshal(cfg)
	require.NoError(t, err)
	exe, err := os.Executable()
	require.NoError(t, err)
	c := &child{cmd: exec.Command(exe), read: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	c.cmd.Stderr = os.Stderr
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		_, _ = c.cmd.Process.Kill(), c.cmd.Wait()
		require.FailNow(t, "child did not join")
	}
	go func() {
		defer close(c.read)
		for lines.Scan() {
			var e entry
			if json.Unmarshal(lines.Bytes(), &e) == nil { // not the half line of one that was killed
				note(e)
			}
		}
	}()
	t.Cleanup(c.kill)
	return c
}

// kill ends it the hard way.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.read
	_ = c.cmd.Wait()
}

// leave has it close its subscriber, and waits for that.
func (c *child) leave() error {
	_ = c.stdin.Close()
	<-c.read
	return c.cmd.Wait()
}

package realbroker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ClientGo is the program benchmarks/clientgo, which consumes and produces with
// rocketmq-client-go. That client is a dependency of its module alone, so it is another
// process.
type ClientGo struct {
	program     string
	nameServers string
}

// BuildClientGo builds the program, for servers of this package or any others that speak
// RocketMQ's protocol. The test fails when it cannot be built.
func BuildClientGo(t testing.TB, nameServers []string) *ClientGo {
	t.Helper()
	const root = "github.com/watermill-rocketmq/watermill-rocketmq"
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", root).Output()
	if err != nil {
		t.Fatalf("realbroker: no folder of %s: %v", root, err)
	}
	g := &ClientGo{
		program:     filepath.Join(t.TempDir(), "clientgo.exe"), // Windows wants a suffix
		nameServers: strings.Join(nameServers, ","),
	}
	build := exec.Command("go", "build", "-o", g.program, "./clientgo")
	build.Dir = filepath.Join(strings.TrimSpace(string(dir)), "benchmarks")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("realbroker: cannot build clientgo: %v\n%s", err, out)
	}
	return g
}

// Produce sends messages one after the other: the body of number i is go-i, its key
// key-i, its property n is i. Options are further flags of the program, such as
// -sharding-key=k.
func (g *ClientGo) Produce(t testing.TB, topic string, count int, options ...string) []SendResult {
	t.Helper()
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(exported(err))
	}
	defer out.Close()
	args := []string{"produce", "-nameservers", g.nameServers, "-topic", topic, "-count", strconv.Itoa(count)}
	cmd := exec.Command(g.program, append(args, options...)...)
	cmd.Stdout = out
	ctx, cancel := context.WithTimeout(t.Context(), witnessPatience)
	defer cancel()
	if err := runToEnd(ctx, "clientgo produce", cmd, filepath.Join(dir, "log")); err != nil {
		t.Fatal(exported(err))
	}
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(exported(err))
	}
	return lines[SendResult](t, text)
}

// ClientGoConsumer is a push consumer of rocketmq-client-go, in a process of its own. It
// takes messages in the background from its start to its stop. Its methods may be called
// by one goroutine at a time.
type ClientGoConsumer struct {
	session *session
	// done is closed when all output of the process has been read; err is how that ended,
	// and is set before.
	done    chan struct{}
	err     error
	stopped bool
	received
}

// Consume starts a consumer, which joins its group. It leaves it at Stop, or when the
// test ends. The client has no POP.
func (g *ClientGo) Consume(t testing.TB, cfg ConsumeConfig) *ClientGoConsumer {
	t.Helper()
	if cfg.POP {
		t.Fatal("realbroker: rocketmq-client-go has no POP")
	}
	cmd := exec.Command(g.program, append([]string{"consume", "-nameservers", g.nameServers}, cfg.clientGoFlags()...)...)
	s, err := startSession("clientgo consume", cmd, filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(exported(err))
	}
	c := &ClientGoConsumer{session: s, done: make(chan struct{})}
	started := make(chan struct{})
	go c.read(started)
	t.Cleanup(func() { c.Stop(t) })
	select {
	case <-started:
	case <-c.done:
		t.Fatalf("realbroker: clientgo did not start: %v%s", c.err, s.process.logTail())
	case <-time.After(witnessPatience):
		t.Fatalf("realbroker: clientgo did not start%s", s.process.logTail())
	}
	return c
}

func (c *ConsumeConfig) clientGoFlags() []string {
	flags := []string{
		"-group", c.Group, "-topic", c.Topic,
		"-goroutines", strconv.Itoa(c.Threads), "-fail-every", strconv.Itoa(c.FailEvery),
		"-delay-level", strconv.Itoa(c.DelayLevel), "-max-reconsume-times", strconv.Itoa(c.MaxReconsumeTimes),
		fmt.Sprintf("-orderly=%t", c.Orderly), fmt.Sprintf("-broadcast=%t", c.Broadcast), fmt.Sprintf("-from-last=%t", c.FromLast),
	}
	if c.Tags != "" {
		flags = append(flags, "-tags", c.Tags)
	}
	if c.SQL != "" {
		flags = append(flags, "-sql", c.SQL)
	}
	return flags
}

// read keeps what the process prints until it ends. Its first line says that it has
// started.
func (c *ClientGoConsumer) read(started chan<- struct{}) {
	defer close(c.done)
	lines := bufio.NewScanner(c.session.out)
	lines.Buffer(nil, 64<<20) // messages are far smaller
	if !lines.Scan() {
		c.err = errors.Join(errors.New("it printed nothing"), lines.Err())
		return
	}
	close(started)
	for lines.Scan() {
		var d Delivery
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			c.err = fmt.Errorf("bad output of clientgo: %w", err)
			return
		}
		c.add(d)
	}
	c.err = lines.Err()
}

// Deliveries returns what the consumer was given until now, in that order.
func (c *ClientGoConsumer) Deliveries() []Delivery { return c.list() }

// Await waits until the consumer was given n different messages, told apart by MsgID,
// and returns all deliveries. The test fails when that takes longer than three
// minutes.
func (c *ClientGoConsumer) Await(t testing.TB, n int) []Delivery {
	t.Helper()
	c.await(t, n, func() {})
	return c.list()
}

// Stop lets the consumer commit its offsets and leave its group, and returns all
// deliveries. Only the first call stops it.
func (c *ClientGoConsumer) Stop(t testing.TB) []Delivery {
	t.Helper()
	if c.stopped {
		return c.list()
	}
	c.stopped = true
	err := c.session.in.Close() // it ends with its input
	select {
	case <-c.session.process.done:
		err = c.session.process.err
	case <-time.After(stopPatience):
		err = errors.Join(err, fmt.Errorf("it did not stop within %s", stopPatience), c.session.process.kill())
	}
	<-c.done
	err = errors.Join(err, c.err, c.session.outFile.Close())
	if err != nil {
		t.Errorf("realbroker: clientgo: %v%s", err, c.session.process.logTail())
	}
	return c.list()
}

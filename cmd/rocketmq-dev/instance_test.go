package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asCommand has the test program be the command, with its arguments.
const asCommand = "ROCKETMQ_DEV_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// patience bounds what a test waits for. On a busy machine a process may stand still for
// half a minute, more than once.
const patience = 3 * time.Minute

// output is what a program has written, for several goroutines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// anyPorts are arguments for ports that nobody else has. Later ones win.
var anyPorts = []string{"-addr", "127.0.0.1:0", "-broker-port", "0"}

// instance is a run of the command in this process.
type instance struct {
	nameServer string
	log        *output
	// stop has it end, and returns its exit code. It may be called again.
	stop func() int
}

// start runs the command, and waits until it says where it is.
func start(t *testing.T, args ...string) *instance {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, stdoutIn := io.Pipe()
	i := &instance{log: &output{}}
	ended := make(chan int, 1)
	go func() { // ends with ctx
		defer stdoutIn.Close()
		ended <- run(ctx, append(anyPorts[:len(anyPorts):len(anyPorts)], args...), stdoutIn, i.log)
	}()
	i.stop = sync.OnceValue(func() int {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { require.Equal(t, exitOK, i.stop(), "%s", i.log) })
	i.nameServer = readAddress(t, stdout, i.log)
	return i
}

// readAddress reads the line that says where the name server is.
func readAddress(t testing.TB, stdout io.Reader, log *output) string {
	t.Helper()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "it has said nothing: %s", log)
	addr, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "NAMESRV_ADDR=")
	require.True(t, found, line)
	return addr
}

// process is a run of the command as a program of its own.
type process struct {
	nameServer string
	log        *output
	cmd        *exec.Cmd
	ended      chan struct{} // closed at its end
}

// startProcess starts the command, and waits until it says where it is.
func startProcess(t testing.TB, args ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], append(anyPorts[:len(anyPorts):len(anyPorts)], args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return startCommand(t, cmd)
}

func startCommand(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{log: &output{}, cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = p.log
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
	})
	addr := make(chan string, 1)
	go func() { // ends with the process
		defer close(p.ended)
		lines := bufio.NewScanner(stdout)
		if lines.Scan() {
			addr <- lines.Text()
		}
		close(addr)
		_, _ = io.Copy(io.Discard, stdout)
		_ = cmd.Wait()
	}()
	line, found := strings.CutPrefix(<-addr, "NAMESRV_ADDR=")
	require.True(t, found, "it has not started: %s", p.log)
	p.nameServer = line
	return p
}

// end sends a signal, and returns the exit code.
func (p *process) end(t testing.TB, signal os.Signal) int {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(signal))
	return p.await(t)
}

func (p *process) await(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("it does not end: %s", p.log)
	}
	return p.cmd.ProcessState.ExitCode()
}

// freePorts is the first of so many ports of loopback, 20 apart, on which nobody listens,
// below those of outgoing connections.
func freePorts(t testing.TB, count int) int {
	t.Helper()
	for port := 20000; port < 30000; port++ {
		var taken []net.Listener
		for i := range count {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", itoa(port+brokerStep*i)))
			if err != nil {
				break
			}
			taken = append(taken, l)
		}
		for _, l := range taken {
			require.NoError(t, l.Close())
		}
		if len(taken) == count {
			return port
		}
	}
	t.Fatal("no free ports")
	return 0
}

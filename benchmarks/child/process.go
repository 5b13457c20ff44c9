package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// patience is how long a process may take to end once its input has ended.
const patience = time.Minute

// Process is a running child. It talks over its standard input and output.
type Process struct {
	In  io.Writer
	Out io.Reader

	name string
	cmd  *exec.Cmd
	in   io.Closer
	out  *os.File
	log  *tail
	done chan struct{} // closed when it has ended; err is set before
	err  error
	stop func() bool
}

// Start starts the command. It is killed when ctx ends.
func Start(ctx context.Context, name string, cmd *exec.Cmd) (*Process, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("child: %s: %w", name, err)
	}
	// Not StdoutPipe: waiting for the process, which begins at once, closes that
	// one under the reader.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("child: %s: %w", name, err), in.Close())
	}
	p := &Process{In: in, Out: read, name: name, cmd: cmd, in: in, out: read, log: &tail{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = write, p.log, attributes()
	started := make(chan error, 1)
	// This goroutine ends with the process. It stays on its thread, whose end the
	// kernel would take for that of the parent: see internal/realbroker.
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	err = <-started
	_ = write.Close() // the child has its own
	if err != nil {
		return nil, errors.Join(fmt.Errorf("child: %s: %w", name, err), read.Close())
	}
	p.stop = context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	return p, nil
}

// PID is the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Lost is the error for a process that did not answer: how it ended, and what it
// said last.
func (p *Process) Lost(err error) error {
	select {
	case <-p.done:
		err = errors.Join(err, p.err)
	case <-time.After(patience): // what it has said may still be on its way
	}
	return fmt.Errorf("child: lost %s: %w\n%s", p.name, err, p.log)
}

// Close ends the input, which ends the process, and waits for that. One that
// takes too long is killed.
func (p *Process) Close() error {
	defer p.out.Close()
	defer p.stop()
	_ = p.in.Close() // an error means that it has ended already
	select {
	case <-p.done:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill() // it may just have ended
		<-p.done
		return fmt.Errorf("child: %s had to be killed", p.name)
	}
	if p.err != nil {
		return fmt.Errorf("child: %s: %w\n%s", p.name, p.err, p.log)
	}
	return nil
}

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = bytes.Clone(t.text[over:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// Kill ends the process the hard way.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() }

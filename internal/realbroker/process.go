package realbroker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a running child process.
type process struct {
	name    string
	cmd     *exec.Cmd
	logPath string
	// done is closed when the process has ended; err is how, and is set before.
	done chan struct{}
	err  error
}

// startProcess starts the command with its standard error, and its standard
// output unless that is taken, going to the log file.
func startProcess(name string, cmd *exec.Cmd, logPath string) (*process, error) {
	log, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("cannot create the log of %s: %w", name, err)
	}
	// The child has its own handle. A file, not a writer: no goroutine copies.
	defer log.Close()
	cmd.Stderr = log
	if cmd.Stdout == nil {
		cmd.Stdout = log
	}
	cmd.SysProcAttr = sysProcAttr()

	p := &process{name: name, cmd: cmd, logPath: logPath, done: make(chan struct{})}
	started := make(chan error, 1)
	// This goroutine ends with the process, which everyone who starts one has to
	// end. It stays on its thread: on Linux the child asks to be killed when its
	// parent is gone, and the kernel takes the *thread* that started it for the
	// parent. Go ends threads at will, except one that a goroutine is locked to.
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
	if err := <-started; err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	return p, nil
}

// runToEnd runs a command that ends by itself.
func runToEnd(ctx context.Context, name string, cmd *exec.Cmd, logPath string) error {
	p, err := startProcess(name, cmd, logPath)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return errors.Join(context.Cause(ctx), p.kill())
	}
	if p.err != nil {
		return fmt.Errorf("%s failed: %w%s", name, p.err, p.logTail())
	}
	return nil
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// kill ends the process the hard way and waits for its end. It is no error if
// it has ended before.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cannot kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// terminate asks the process to end, waits, and kills it when it takes longer
// than the patience lasts, which is an error.
func (p *process) terminate(patience time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return errors.Join(fmt.Errorf("cannot stop %s: %w", p.name, err), p.kill())
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("%s did not stop within %s%s", p.name, patience, p.logTail()), p.kill())
	}
}

// logTail is the end of the log, as a paragraph for an error message.
func (p *process) logTail() string {
	const size = 4096
	log, err := os.ReadFile(p.logPath)
	if err != nil {
		return fmt.Sprintf(" (and its log cannot be read: %v)", err)
	}
	return fmt.Sprintf("\n--- end of the log of %s:\n%s\n---", p.name, log[max(0, len(log)-size):])
}

package realbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// How long a server may take. A JVM on a crowded build machine needs many times
// what it needs on an idle one.
const (
	startPatience = 10 * time.Minute
	stopPatience  = 5 * time.Minute
	readyInterval = 25 * time.Millisecond
	// readyPatience bounds one look whether it is up.
	readyPatience = 10 * time.Second
	// bindInterval is the pause before a server tries once more to get its port.
	bindInterval = 200 * time.Millisecond
)

// errPortTaken says that a server could not listen.
var errPortTaken = errors.New("a port is taken")

// server is a name server or a broker: one place on disk and one port, and at
// most one process at a time on it.
type server struct {
	name string
	dir  string
	// command makes the command that runs it.
	command func() *exec.Cmd
	// upWord is what it logs when it is up; "boot success" if empty.
	upWord string

	mu      sync.Mutex
	process *process // nil before the first start
	starts  int
	paused  bool
}

// start runs the server and waits until it is ready: ready is called, again and
// again, until it returns no error.
func (s *server) start(ctx context.Context, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	p, err := s.newProcess()
	if err != nil {
		return err
	}
	// The lock is not held here: a start under way can be killed.
	if err := s.awaitReady(ctx, p, ready); err != nil {
		return errors.Join(err, p.kill())
	}
	return nil
}

// startAgain is start on a port that was the server's before. Another process may
// have taken it meanwhile, such as a client that dials from it: the start is
// repeated until it has the port, or has taken as long as a start may. What newReady
// returns belongs to one attempt.
func (s *server) startAgain(ctx context.Context, newReady func() func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	var taken error
	err := poll(ctx, bindInterval, func() (bool, error) {
		err := s.start(ctx, newReady())
		if errors.Is(err, errPortTaken) {
			taken = err
			return false, nil
		}
		return true, err
	})
	if err != nil {
		return errors.Join(err, taken)
	}
	return nil
}

func (s *server) newProcess() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && s.process.running() {
		return nil, fmt.Errorf("%s is running", s.name)
	}
	s.starts++
	// A log for each start, so that none is taken for ready by the words of the
	// one before.
	p, err := startProcess(s.name, s.command(), filepath.Join(s.dir, fmt.Sprintf("start-%d.log", s.starts)))
	if err != nil {
		return nil, err
	}
	s.process, s.paused = p, false
	return p, nil
}

// awaitReady waits for two things: the server's own word in its log, which no
// stranger that listens on its port can give, and an answer to its clients.
func (s *server) awaitReady(ctx context.Context, p *process, ready func(ctx context.Context) error) error {
	upWord := "boot success"
	if s.upWord != "" {
		upWord = s.upWord
	}
	last := errors.New("it has not said that it is up")
	err := poll(ctx, readyInterval, func() (bool, error) {
		if !p.running() {
			return false, s.endedEarly(p)
		}
		log, err := os.ReadFile(p.logPath)
		if err != nil || !bytes.Contains(log, []byte(upWord)) {
			return false, err
		}
		attempt, cancel := context.WithTimeout(ctx, readyPatience)
		defer cancel()
		if err := ready(attempt); err != nil {
			last = err
			return false, nil
		}
		return true, nil
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s did not get ready: %w: %w%s", s.name, err, last, p.logTail())
	}
	return err
}

func (s *server) endedEarly(p *process) error {
	log, err := os.ReadFile(p.logPath)
	if err != nil {
		return err
	}
	cause := p.err
	for _, sign := range []string{"BindException", "Failed to bind", "already in use"} {
		if bytes.Contains(log, []byte(sign)) {
			cause = fmt.Errorf("%w: %w", errPortTaken, p.err)
		}
	}
	return fmt.Errorf("%s ended while it was starting: %w%s", s.name, cause, p.logTail())
}

// current returns the process of the last start, running or not.
func (s *server) current() (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil, fmt.Errorf("%s was never started", s.name)
	}
	return s.process, nil
}

// reachable says whether clients can expect an answer.
func (s *server) reachable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process != nil && s.process.running() && !s.paused
}

func (s *server) kill() error {
	p, err := s.current()
	if err != nil {
		return err
	}
	return p.kill()
}

func (s *server) stop() error {
	// A frozen process does not see the signal.
	if err := s.resume(); err != nil && !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	p, err := s.current()
	if err != nil {
		return err
	}
	return p.terminate(stopPatience)
}

func (s *server) pause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return fmt.Errorf("%s was never started", s.name)
	}
	if err := s.process.pause(); err != nil {
		return err
	}
	s.paused = true
	return nil
}

func (s *server) resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return fmt.Errorf("%s was never started", s.name)
	}
	if err := s.process.resume(); err != nil {
		return err
	}
	s.paused = false
	return nil
}

// onFreePort calls start with free ports, and with others when it finds them
// taken after all: between the look and the moment a JVM comes to listen there
// are seconds.
func onFreePort(start func(port int) error, offsets ...int) error {
	const attempts = 5
	var err error
	for range attempts {
		var port int
		if port, err = freePort(offsets...); err != nil {
			return err
		}
		if err = start(port); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

package load

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper sleeps to the microsecond. time.Sleep does not in a process that has
// nothing else to do, since the runtime's own wait counts in milliseconds: a
// timer's file wakes it like a network connection does.
type sleeper struct {
	fd   int
	file *os.File
}

func newSleeper() (*sleeper, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: timerfd: %w", err)
	}
	return &sleeper{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}, nil
}

func (s *sleeper) sleep(d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(s.fd, 0, &spec, nil); err != nil {
		return fmt.Errorf("load: timerfd: %w", err)
	}
	var expirations [8]byte
	if _, err := s.file.Read(expirations[:]); err != nil {
		return fmt.Errorf("load: timerfd: %w", err)
	}
	return nil
}

func (s *sleeper) close() { _ = s.file.Close() }

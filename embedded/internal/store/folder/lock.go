package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrLocked is the error of a folder that another broker has open.
var ErrLocked = errors.New("another broker has the folder open")

// Lock keeps other brokers out of a folder, RocketMQ's as well, for as long as it is held.
type Lock struct{ file *os.File }

// Take takes the lock of a folder. It fails with [ErrLocked] if somebody has it. The
// system gives it back when the process ends, however it ends.
func Take(dir string) (*Lock, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if err := lockFirstByte(f); err != nil {
		return nil, errors.Join(fmt.Errorf("folder: locking %s: %w", path, err), f.Close())
	}
	if _, err := f.WriteAt([]byte("lock"), 0); err != nil {
		return nil, errors.Join(fmt.Errorf("folder: %w", err), f.Close())
	}
	return &Lock{f}, nil
}

// Release gives the lock back.
func (l *Lock) Release() error { return l.file.Close() }

package commitlog

import (
	"errors"
	"os"
	"syscall"
)

// seekData is SEEK_DATA of unistd.h.
const seekData = 3

// SkipHole asks the file system, for which most of a new file of the log is a hole.
func (f osFile) SkipHole(off int64) (int64, error) {
	at, err := syscall.Seek(int(f.Fd()), off, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO):
		return -1, nil
	case errors.Is(err, syscall.EINVAL): // a file system that does not know
		return off, nil
	case err != nil:
		return 0, &os.PathError{Op: "lseek", Path: f.Name(), Err: err}
	}
	return at, nil
}

// SyncData does not wait for the times of the file, which nobody needs after a crash.
func (f osFile) SyncData() error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
	}
}

//go:build linux || darwin

package folder

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockFirstByte takes the record lock that Java's FileChannel.tryLock(0, 1, false) takes. It
// belongs to the open file and not to the process, as one process may have several brokers;
// the two kinds exclude each other.
func lockFirstByte(f *os.File) error {
	lock := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Len: 1}
	for {
		err := syscall.FcntlFlock(f.Fd(), setOpenFileLock, &lock)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES):
			return ErrLocked
		default:
			return err
		}
	}
}

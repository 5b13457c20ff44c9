package folder

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// The lock is a record lock of the first byte, which Java's FileChannel.tryLock(0, 1) finds
// taken, and nothing else is.
func TestLockIsTheOneThatJavaTakes(t *testing.T) {
	dir := t.TempDir()
	lock, err := Take(dir)
	require.NoError(t, err)
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	ask := func(start, length int64) int16 {
		question := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: start, Len: length}
		require.NoError(t, syscall.FcntlFlock(f.Fd(), syscall.F_GETLK, &question))
		return question.Type
	}
	require.EqualValues(t, syscall.F_WRLCK, ask(0, 1))
	require.EqualValues(t, syscall.F_UNLCK, ask(1, 0))
	require.NoError(t, lock.Release())
	require.EqualValues(t, syscall.F_UNLCK, ask(0, 1))
}

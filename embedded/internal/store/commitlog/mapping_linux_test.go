package commitlog

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// isMapped reports whether a file of a folder is in the memory of this process.
func isMapped(t *testing.T, dir, name string) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	require.NoError(t, err)
	return strings.Contains(string(maps), filepath.Join(dir, name))
}

// A file that is in memory takes its room on the disk though it was removed.
func TestWhatWasCleanedIsNotInMemory(t *testing.T) {
	cfg := config(t)
	l, _, err := Open(cfg, func(Record) {})
	require.NoError(t, err)
	for range 2 {
		raw := stored(t, "1", small-500) // a file for each
		b, err := l.Append([][]byte{raw}, settle(t, raw))
		require.NoError(t, err)
		l.Go()
		require.NoError(t, b.Wait())
	}
	name := filepath.Base(segmentPath("", 0))
	require.True(t, isMapped(t, cfg.Dir, name))
	_, err = l.Clean(time.Time{}, 1)
	require.NoError(t, err)
	require.False(t, isMapped(t, cfg.Dir, name))
	require.NoError(t, l.Close())
}

// Who reads while the log is closed, or its files are cleaned, has what was there or nothing.
func TestReadingWhileFilesGo(t *testing.T) {
	cfg := config(t)
	l, _, err := Open(cfg, func(Record) {})
	require.NoError(t, err)
	raw := stored(t, "1", small-500)
	for range 8 {
		b, err := l.Append([][]byte{raw}, settle(t, raw))
		require.NoError(t, err)
		l.Go()
		require.NoError(t, b.Wait())
	}
	end := l.End()
	var readers sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range cap(begun) {
		readers.Go(func() {
			for last := int64(-1); ; last = l.First() {
				if last == 0 {
					select {
					case begun <- struct{}{}:
					default:
					}
				}
				all := true
				for at := int64(0); at < end; at += cfg.FileSize {
					b := l.View(at, len(raw))
					all = all && b == nil
					for _, c := range b {
						_ = c // a fault of memory would end the process
					}
				}
				if all {
					return // it is closed
				}
			}
		})
	}
	<-begun
	require.NoError(t, l.CleanOldest(3))
	require.NoError(t, l.Close())
	readers.Wait()
}

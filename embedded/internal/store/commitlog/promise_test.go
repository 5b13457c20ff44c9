package commitlog

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// watchedDisk knows what of its files was synced since it was written.
type watchedDisk struct {
	mu    sync.Mutex
	dirty map[string][][2]int64 // by path, from and to
}

func (d *watchedDisk) open(path string, create bool) (File, error) {
	f, err := OpenFile(path, create)
	return &watchedFile{f, path, d}, err
}

type watchedFile struct {
	File
	path string
	disk *watchedDisk
}

func (f *watchedFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.dirty[f.path] = append(f.disk.dirty[f.path], [2]int64{off, off + int64(len(p))})
	return n, err
}

func (f *watchedFile) SyncData() error {
	f.disk.mu.Lock()
	before := len(f.disk.dirty[f.path])
	f.disk.mu.Unlock()
	if err := f.File.SyncData(); err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.dirty[f.path] = f.disk.dirty[f.path][before:]
	return nil
}

func (d *watchedDisk) isDirty(path string, from, to int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.dirty[path] {
		if r[0] < to && from < r[1] {
			return true
		}
	}
	return false
}

// Who waits for a record is told when the disk has it, in whichever file it is, and the record
// that ends the file before.
func TestWaitEndsWhenTheDiskHasTheRecord(t *testing.T) {
	cfg := config(t)
	disk := &watchedDisk{dirty: make(map[string][][2]int64)}
	cfg.Open = disk.open
	l, _, _ := reopened(t, cfg)
	var callers sync.WaitGroup
	for c := range 8 {
		callers.Go(func() {
			for i := range 40 {
				raw := stored(t, fmt.Sprint(c, i), 10+i*20)
				var offset int64
				b, err := l.Append([][]byte{raw}, func(_ int, at int64) {
					offset = at
					settle(t, raw)(0, at)
				})
				l.WriteNow()
				if err != nil || b.Wait() != nil {
					t.Error("not stored")
					return
				}
				base := l.base(offset)
				if disk.isDirty(segmentPath(cfg.Dir, base), offset-base, offset-base+int64(len(raw))) {
					t.Errorf("the record at %d is not on the disk", offset)
				}
				if base > 0 && disk.isDirty(segmentPath(cfg.Dir, base-small), 0, small) {
					t.Errorf("the file before that of %d is not on the disk", offset)
				}
			}
		})
	}
	callers.Wait()
	require.Greater(t, l.End(), int64(10*small))
}

// Rubbish behind the end is put away and cleared: a valid record among it would be found when
// the log has grown up to it.
func TestRubbishBehindTheEndDoesNotComeBack(t *testing.T) {
	cfg := config(t)
	l, _, _ := reopened(t, cfg)
	for _, name := range []string{"one", "two", "old"} {
		require.NoError(t, add(t, l, stored(t, name, 100)))
	}
	end := l.End()
	require.NoError(t, l.Close())
	size := int64(len(stored(t, "two", 100)))
	path := segmentPath(cfg.Dir, 0)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(make([]byte, 4), end-2*size) // "two" is no record any more
	require.NoError(t, err)
	require.NoError(t, f.Close())

	l, r, names := reopened(t, cfg)
	require.Equal(t, []string{"one"}, names)
	require.NotEmpty(t, r.Kept)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, bytes.Trim(data[r.End:], "\x00"))
	require.NoError(t, add(t, l, stored(t, "new", 100))) // it ends where "old" began
	require.EqualValues(t, end-size, l.End())
	require.NoError(t, l.Close())
	_, r, names = reopened(t, cfg)
	require.Equal(t, []string{"one", "new"}, names)
	require.Empty(t, r.Dropped)
}

// Where nobody waits for the disk it has everything a moment later all the same, also files
// that are full by then, and who writes does not wait when one is.
func TestTheDiskHasEverythingInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.Sync = false
		disk := &watchedDisk{dirty: make(map[string][][2]int64)}
		cfg.Open = disk.open
		l, _, err := Open(cfg, func(Record) {})
		require.NoError(t, err)
		dirty := func() (n int) {
			for base := range l.End()/small + 1 {
				if disk.isDirty(segmentPath(cfg.Dir, base*small), 0, small) {
					n++
				}
			}
			return n
		}
		for round := range 2 {
			for i := range 14 {
				require.NoError(t, add(t, l, stored(t, fmt.Sprint(round, i), 900)))
			}
			require.Equal(t, 4, dirty())
			time.Sleep(2 * DefaultSyncInterval)
			synctest.Wait()
			require.Zero(t, dirty())
		}
		require.NoError(t, add(t, l, stored(t, "last", 900)))
		require.NoError(t, l.Close())
		require.Zero(t, dirty())
	})
}

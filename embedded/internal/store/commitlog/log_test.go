package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// small is the size of files in tests: several messages have room.
const small = 4096

var host = netip.MustParseAddrPort("127.0.0.1:10911")

// stored makes a record whose body has so many bytes.
func stored(t testing.TB, name string, size int) []byte {
	t.Helper()
	raw, err := body.AppendStored(nil, &body.StoredMessage{
		Topic: "orders", QueueID: 1, BornHost: host, StoreHost: host, BornTimestamp: 7,
		Body: []byte(strings.Repeat("x", size)), Properties: []byte("UNIQ_KEY\x01" + name + "\x02"),
	})
	require.NoError(t, err)
	return raw
}

// settle gives a record its place.
func settle(t testing.TB, raw []byte) func(int, int64) {
	return func(_ int, offset int64) {
		require.NoError(t, body.SetPlace(raw, body.Place{CommitLogOffset: offset, StoreTimestamp: 9}))
	}
}

// add appends one record and waits for it.
func add(t testing.TB, l *Log, raw []byte) error {
	t.Helper()
	b, err := l.Append([][]byte{raw}, settle(t, raw))
	require.NoError(t, err)
	l.Go()
	return b.Wait()
}

// nameOf is the name that stored gave a record.
func nameOf(r Record) string {
	for name, value := range headers.Properties(r.Message.Properties) {
		if string(name) == "UNIQ_KEY" {
			return string(value)
		}
	}
	return ""
}

// reopened returns what a log has, by the names of its records.
func reopened(t testing.TB, cfg Config) (*Log, Recovery, []string) {
	t.Helper()
	var names []string
	l, r, err := Open(cfg, func(rec Record) { names = append(names, nameOf(rec)) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, r, names
}

func config(t testing.TB) Config {
	t.Helper()
	return Config{Dir: filepath.Join(t.TempDir(), "commitlog"), FileSize: small, Sync: true}
}

// What is appended is read, in this life and the next one, over several files.
func TestAppendAndRead(t *testing.T) {
	for _, sync := range []bool{true, false} {
		t.Run(fmt.Sprint(sync), func(t *testing.T) {
			cfg := config(t)
			cfg.Sync = sync
			l, r, names := reopened(t, cfg)
			require.Empty(t, names)
			require.Zero(t, r)
			var want []string
			var raws [][]byte
			for i := range 50 {
				raw := stored(t, fmt.Sprint(i), i*17)
				require.NoError(t, add(t, l, raw))
				want, raws = append(want, fmt.Sprint(i)), append(raws, raw)
			}
			for _, raw := range raws {
				m, _, err := body.ParseStored(raw)
				require.NoError(t, err)
				require.Equal(t, raw, l.View(m.CommitLogOffset, len(raw)))
			}
			end := l.End()
			require.Greater(t, end, int64(4*small))
			for _, bad := range [][2]int64{{end - 1, 2}, {-1, 1}, {0, -1}, {math.MaxInt64, 4}, {small - 1, 2}} {
				require.Nil(t, l.View(bad[0], int(bad[1])))
			}
			var walked []string
			require.NoError(t, l.Walk(func(r Record) { walked = append(walked, nameOf(r)) }))
			require.Equal(t, want, walked)
			require.NoError(t, l.Close())
			_, r, names = reopened(t, cfg)
			require.Equal(t, want, names)
			require.Equal(t, Recovery{End: end}, r)
			files, err := list(cfg.Dir)
			require.NoError(t, err)
			for i, f := range files {
				require.EqualValues(t, small, f.size)
				require.EqualValues(t, i*small, f.base)
			}
		})
	}
}

// Records that are appended together lie in one file, or nowhere.
func TestTogether(t *testing.T) {
	cfg := config(t)
	l, _, _ := reopened(t, cfg)
	require.NoError(t, add(t, l, stored(t, "first", 1000)))
	three := [][]byte{stored(t, "a", 900), stored(t, "b", 900), stored(t, "c", 900)}
	var offsets []int64
	b, err := l.Append(three, func(i int, offset int64) {
		offsets = append(offsets, offset)
		settle(t, three[i])(i, offset)
	})
	require.NoError(t, err)
	l.WriteNow()
	require.NoError(t, b.Wait())
	require.EqualValues(t, small, offsets[0], "the file of the first one has no room for all three")
	require.NoError(t, l.Close())
	l, _, names := reopened(t, cfg)
	require.Equal(t, []string{"first", "a", "b", "c"}, names)

	_, err = l.Append([][]byte{stored(t, "", 2100), stored(t, "", 2100)}, func(int, int64) { t.Error("no place") })
	require.ErrorIs(t, err, ErrTooLarge)
	require.NoError(t, l.Close())
	_, err = l.Append(three, func(int, int64) { t.Error("no place") })
	require.ErrorIs(t, err, ErrClosed)
	require.Nil(t, l.View(0, 10))
}

// Callers that append at the same time share writes, and each learns of its own.
func TestMany(t *testing.T) {
	for _, sync := range []bool{true, false} {
		t.Run(fmt.Sprint(sync), func(t *testing.T) {
			cfg := config(t)
			cfg.FileSize, cfg.Sync = 1<<20, sync
			testMany(t, cfg)
		})
	}
}

func testMany(t *testing.T, cfg Config) {
	var ends []int64
	cfg.Written = func(end int64) { ends = append(ends, end) }
	l, _, _ := reopened(t, cfg)
	var callers sync.WaitGroup
	for c := range 64 {
		callers.Go(func() {
			for i := range 50 {
				raw := stored(t, fmt.Sprint(c, "-", i), 100)
				b, err := l.Append([][]byte{raw}, settle(t, raw))
				if c%2 == 0 {
					l.WriteNow()
				} else {
					l.Go()
				}
				if err == nil {
					err = b.Wait()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	require.NoError(t, l.Close()) // who has written last has called Written by then
	require.IsIncreasing(t, ends)
	require.Equal(t, l.End(), ends[len(ends)-1])
	_, _, names := reopened(t, cfg)
	require.Len(t, names, 64*50)
}

// Of a log that is cut at any byte, or has any byte of its last records changed, what is
// valid is there, and what is dropped is said and kept. It goes on from there.
func TestCutAndChanged(t *testing.T) {
	config := func(t testing.TB) Config {
		cfg := config(t)
		cfg.Open = openLazy
		return cfg
	}
	cfg := config(t)
	l, _, _ := reopened(t, cfg)
	var ends []int64
	for i := range 3 {
		require.NoError(t, add(t, l, stored(t, fmt.Sprint(i), 40)))
		ends = append(ends, l.End())
	}
	require.NoError(t, l.Close())
	whole, err := os.ReadFile(segmentPath(cfg.Dir, 0))
	require.NoError(t, err)
	valid := func(size int64) (names []string) {
		for i, end := range ends {
			if end <= size {
				names = append(names, fmt.Sprint(i))
			}
		}
		return names
	}
	check := func(t *testing.T, data []byte, want []string, dropped bool) {
		cfg := config(t)
		require.NoError(t, os.MkdirAll(cfg.Dir, 0o755))
		require.NoError(t, os.WriteFile(segmentPath(cfg.Dir, 0), data, 0o644))
		l, r, names := reopened(t, cfg)
		require.Equal(t, want, names)
		require.Equal(t, dropped, r.Dropped != "", r.Dropped)
		require.Equal(t, dropped, r.Kept != "")
		require.NoError(t, add(t, l, stored(t, "more", 40)))
		require.NoError(t, l.Close())
		_, r, names = reopened(t, cfg)
		require.Equal(t, append(want, "more"), names)
		require.Empty(t, r.Dropped)
	}
	for size := range ends[2] {
		if size%7 != 0 && size != ends[1] && size != ends[0] && size < ends[1] {
			continue // the last record at every byte, the others now and then
		}
		if size == 0 {
			continue
		}
		t.Run(fmt.Sprint("cut at ", size), func(t *testing.T) {
			want := valid(size)
			rest := whole[:size]
			if n := len(want); n > 0 {
				rest = rest[ends[n-1]:]
			}
			check(t, whole[:size], want, len(bytes.Trim(rest, "\x00")) > 0)
		})
	}
	// Fields that neither size nor checksum tells of: queue id, flag, queue offset, times,
	// hosts, number of attempts, prepared offset, topic, properties.
	for at := ends[1]; at < ends[2]; at++ {
		t.Run(fmt.Sprint("changed at ", at), func(t *testing.T) {
			data := append([]byte(nil), whole...)
			data[at] ^= 1 << rand.IntN(8)
			func() {
				cfg := config(t)
				require.NoError(t, os.MkdirAll(cfg.Dir, 0o755))
				require.NoError(t, os.WriteFile(segmentPath(cfg.Dir, 0), data, 0o644))
				l, r, names := reopened(t, cfg)
				require.Subset(t, names, []string{"0", "1"})
				require.LessOrEqual(t, len(names), 3)
				require.Equal(t, len(names) == 2, r.Dropped != "", r.Dropped)
				bodyAt := at-ends[1] >= 88 && at-ends[1] < 88+40
				require.False(t, bodyAt && len(names) == 3, "the body has a checksum")
				require.NoError(t, l.Close())
			}()
		})
	}
}

// A record that is broken in the middle ends the log there. The files behind it are kept.
func TestBrokenInTheMiddle(t *testing.T) {
	cfg := config(t)
	l, _, _ := reopened(t, cfg)
	for i := range 16 {
		require.NoError(t, add(t, l, stored(t, fmt.Sprint(i), 900)))
	}
	require.NoError(t, l.Close())
	files, err := list(cfg.Dir)
	require.NoError(t, err)
	require.Len(t, files, 4)
	f, err := os.OpenFile(files[1].path, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte{0xff}, 200)
	require.NoError(t, err)
	require.NoError(t, f.Close())

	_, r, names := reopened(t, cfg)
	require.Equal(t, []string{"0", "1", "2", "3"}, names)
	require.EqualValues(t, small, r.End)
	require.Contains(t, r.Dropped, "a body that does not have the checksum of its record")
	kept, err := list(r.Kept)
	require.NoError(t, err)
	require.Len(t, kept, 3, "the rest of the second file, and two whole ones")
	left, err := list(cfg.Dir)
	require.NoError(t, err)
	require.Len(t, left, 2)
}

// What RocketMQ leaves behind is fine: files that were made ahead, an empty one, a log that
// begins late. What it does not start with is said.
func TestFoldersOfOthers(t *testing.T) {
	t.Run("made ahead", func(t *testing.T) {
		cfg := config(t)
		l, _, _ := reopened(t, cfg)
		require.NoError(t, add(t, l, stored(t, "0", 40)))
		require.NoError(t, l.Close())
		require.NoError(t, os.WriteFile(segmentPath(cfg.Dir, small), make([]byte, small), 0o644))
		require.NoError(t, os.WriteFile(segmentPath(cfg.Dir, 2*small), nil, 0o644))
		require.NoError(t, os.WriteFile(filepath.Join(cfg.Dir, "note.txt"), nil, 0o644))
		_, r, names := reopened(t, cfg)
		require.Equal(t, []string{"0"}, names)
		require.Empty(t, r.Dropped)
	})
	t.Run("begins late", func(t *testing.T) {
		cfg := config(t)
		l, _, _ := reopened(t, cfg)
		for i := range 16 {
			require.NoError(t, add(t, l, stored(t, fmt.Sprint(i), 900)))
		}
		first, err := l.Clean(time.Time{}, 2*small)
		require.NoError(t, err)
		require.EqualValues(t, 2*small, first)
		require.Nil(t, l.View(0, 10))
		require.NoError(t, l.Close())
		_, r, names := reopened(t, cfg)
		require.Equal(t, []string{"8", "9", "10", "11", "12", "13", "14", "15"}, names)
		require.EqualValues(t, 2*small, r.First)
	})
	for name, files := range map[string]map[int64]int{
		"has 100 bytes, and others have 4096":  {0: small, small: 100, 2 * small: small},
		"there is no file between":             {0: small, 2 * small: small},
		"does not begin at a multiple":         {100: small},
		"has 8192 bytes, and others have 4096": {0: small, small: 2 * small},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			require.NoError(t, os.MkdirAll(cfg.Dir, 0o755))
			for base, size := range files {
				require.NoError(t, os.WriteFile(segmentPath(cfg.Dir, base), make([]byte, size), 0o644))
			}
			_, _, err := Open(cfg, func(Record) {})
			require.ErrorContains(t, err, name)
		})
	}
	t.Run("of another size", func(t *testing.T) {
		cfg := config(t)
		l, _, _ := reopened(t, cfg)
		require.NoError(t, add(t, l, stored(t, "0", 40)))
		require.NoError(t, l.Close())
		cfg.FileSize = 1 << 20
		l, _, names := reopened(t, cfg)
		require.Equal(t, []string{"0"}, names)
		for range 10 {
			require.NoError(t, add(t, l, stored(t, "1", 900)))
		}
		files, err := list(cfg.Dir)
		require.NoError(t, err)
		require.EqualValues(t, small, files[len(files)-1].size)
	})
}

// Clean goes by age, and never takes the last file.
func TestCleanByAge(t *testing.T) {
	cfg := config(t)
	l, _, _ := reopened(t, cfg)
	for i := range 16 {
		require.NoError(t, add(t, l, stored(t, fmt.Sprint(i), 900)))
	}
	old := time.Now().Add(-time.Hour)
	for _, base := range []int64{0, small, 3 * small} {
		require.NoError(t, os.Chtimes(segmentPath(cfg.Dir, base), old, old))
	}
	first, err := l.Clean(time.Now().Add(-time.Minute), 0)
	require.NoError(t, err)
	require.EqualValues(t, 2*small, first)
	first, err = l.Clean(time.Now().Add(time.Hour), 0)
	require.NoError(t, err)
	require.EqualValues(t, 3*small, first)
	require.NoError(t, add(t, l, stored(t, "more", 10)))
}

// lazyFile does not wait for the disk.
type lazyFile struct{ File }

func (lazyFile) SyncData() error { return nil }

func openLazy(path string, create bool) (File, error) {
	f, err := OpenFile(path, create)
	return lazyFile{f}, err
}

// failing is a disk that may be full.
type failing struct {
	mu    sync.Mutex
	left  int64 // bytes that can be written; -1 for all
	syncs error
}

var errFull = errors.New("no space left on device")

func (d *failing) set(left int64, syncs error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.syncs = left, syncs
}

func (d *failing) open(path string, create bool) (File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if create && d.left == 0 {
		return nil, errFull
	}
	f, err := OpenFile(path, create)
	return &failingFile{f, d}, err
}

type failingFile struct {
	File
	disk *failing
}

func (f *failingFile) WriteAt(p []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	left := f.disk.left
	f.disk.mu.Unlock()
	if left < 0 || int64(len(p)) <= left {
		return f.File.WriteAt(p, off)
	}
	n, err := f.File.WriteAt(p[:left], off)
	return n, errors.Join(err, errFull)
}

func (f *failingFile) SyncData() error {
	f.disk.mu.Lock()
	err := f.disk.syncs
	f.disk.mu.Unlock()
	return errors.Join(err, f.File.SyncData())
}

// While the disk is full or broken nothing is taken, those who wait learn of it, nothing that
// was taken is lost, and it goes on when there is room.
func TestDiskFails(t *testing.T) {
	for name, fault := range map[string]struct {
		left  int64
		syncs error
	}{
		"full": {0, nil}, "full in the middle": {150, nil}, "syncs fail": {-1, errors.New("input/output error")},
	} {
		t.Run(name, func(t *testing.T) {
			disk := &failing{left: -1}
			cfg := config(t)
			cfg.Open = disk.open
			var lost []int64
			cfg.Lost = func(from int64) { lost = append(lost, from) }
			l, _, _ := reopened(t, cfg)
			var want []string
			for i := range 12 {
				require.NoError(t, add(t, l, stored(t, fmt.Sprint(i), 900)))
				want = append(want, fmt.Sprint(i))
				end := l.End()
				disk.set(fault.left, fault.syncs)
				require.Error(t, add(t, l, stored(t, "never", 900)))
				require.Error(t, add(t, l, stored(t, "never", 200)))
				require.Equal(t, []int64{end, end}, lost)
				lost = nil
				require.Equal(t, end, l.End())
				disk.set(-1, nil)
			}
			require.NoError(t, add(t, l, stored(t, "last", 10)))
			require.NoError(t, l.Close())
			_, r, names := reopened(t, cfg)
			require.Equal(t, append(want, "last"), names)
			require.Empty(t, r.Dropped)
		})
	}
}

// All that waits for a write that fails learns of it, and so does what came behind.
func TestManyWhileTheDiskFails(t *testing.T) {
	disk := &failing{left: -1}
	cfg := config(t)
	cfg.FileSize = 1 << 20
	cfg.Open = disk.open
	l, _, _ := reopened(t, cfg)
	var mu sync.Mutex
	kept := make(map[string]bool)
	var callers sync.WaitGroup
	for c := range 16 {
		callers.Go(func() {
			for i := range 100 {
				name := fmt.Sprint(c, "-", i)
				raw := stored(t, name, 100)
				b, err := l.Append([][]byte{raw}, settle(t, raw))
				l.WriteNow()
				if err == nil {
					err = b.Wait()
				}
				if err != nil && !errors.Is(err, errFull) {
					t.Error(err)
				}
				mu.Lock()
				kept[name] = err == nil
				mu.Unlock()
				if c == 0 {
					disk.set(map[bool]int64{true: 170, false: -1}[i%2 == 0], nil)
				}
			}
		})
	}
	callers.Wait()
	require.NoError(t, l.Close())
	_, r, names := reopened(t, cfg)
	require.Empty(t, r.Dropped)
	there := make(map[string]bool)
	for _, name := range names {
		require.False(t, there[name], "%s is there twice", name)
		there[name] = true
	}
	for name, ok := range kept {
		require.Equal(t, ok, there[name], name)
	}
}

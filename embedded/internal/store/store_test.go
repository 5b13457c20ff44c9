package store

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/checkpoint"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/settings"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// testConfig is a folder with small files.
func testConfig(dir string) Config {
	return Config{Dir: dir, Log: commitlog.Config{FileSize: 64 << 10}, QueueFileSize: 200, IndexSlots: 100, IndexEntries: 1000}
}

// writer puts messages into a folder, as a broker does.
type writer struct {
	t     *testing.T
	store *Store
	next  map[string]int64 // by topic, of its queue 0
	last  body.Place       // of the last message
}

func openWriter(t *testing.T, cfg Config, contents *Contents) *writer {
	t.Helper()
	s, err := Open(cfg, contents.Add)
	require.NoError(t, err)
	w := &writer{t: t, store: s, next: make(map[string]int64)}
	for topic, byID := range contents.Queues {
		w.next[topic] = byID[0].Next()
	}
	return w
}

func (w *writer) put(topic string, change ...func(m *body.StoredMessage)) error {
	w.t.Helper()
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	m := body.StoredMessage{
		Topic: topic, BornHost: host, StoreHost: host, Body: []byte("body"),
		Properties: []byte(fmt.Sprintf("UNIQ_KEY\x01%s-%d\x02", topic, w.next[topic])),
	}
	for _, f := range change {
		f(&m)
	}
	raw, err := body.AppendStored(nil, &m)
	require.NoError(w.t, err)
	write, err := w.store.Records().Append([][]byte{raw}, func(_ int, offset int64) {
		w.last = body.Place{CommitLogOffset: offset, StoreTimestamp: 1_000_000 + offset, QueueOffset: w.next[topic]}
		require.NoError(w.t, body.SetPlace(raw, w.last))
	})
	if err != nil {
		return err
	}
	w.next[topic]++
	w.store.Records().Go()
	return write.Wait()
}

func (w *writer) close() {
	w.t.Helper()
	require.NoError(w.t, w.store.Close(everyTopic, noDelay))
}

func everyTopic(string) bool { return true }

func noDelay(int) time.Duration { return 0 }

// units are those of the files of a queue, up to the first that has no size.
func units(t *testing.T, dir, topic string) (offsets []int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "consumequeue", topic, "0", "*"))
	require.NoError(t, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		for ; len(data) >= 20 && binary.BigEndian.Uint32(data[8:]) > 0; data = data[20:] {
			offsets = append(offsets, int64(binary.BigEndian.Uint64(data)))
		}
	}
	return offsets
}

// indexed counts the entries of all files of the index.
func indexed(t *testing.T, dir string) (n int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "index", "*"))
	require.NoError(t, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		n += int(binary.BigEndian.Uint32(data[36:])) - 1
	}
	return n
}

// derived returns which of the files that are made of the log are there.
func derived(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		for _, name := range []string{"checkpoint", "consumequeue", "index"} {
			if strings.HasPrefix(e.Name(), name) {
				names = append(names, e.Name())
			}
		}
	}
	return names
}

func readCheckpoint(t *testing.T, dir string) checkpoint.Checkpoint {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	require.NoError(t, err)
	return checkpoint.Parse(data)
}

// The log is the truth: queues, an index and a checkpoint that say something else are not
// believed, and are right after an orderly end. So it is when they are missing.
func TestTheLogIsTheTruth(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, testConfig(dir), &Contents{})
	for range 25 {
		require.NoError(t, w.put("orders"))
	}
	w.close()
	want := units(t, dir, "orders")
	require.Len(t, want, 25)
	truth := readCheckpoint(t, dir)

	overwrite := func() {
		require.NoError(t, filepath.WalkDir(filepath.Join(dir, "consumequeue"), func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				err = os.WriteFile(path, slices.Repeat([]byte{0, 0, 1}, 100), 0o644)
			}
			return err
		}))
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "consumequeue", "ghost", "0"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "index", "20260101000000000"), []byte("?"), 0o644))
		require.NoError(t, checkpoint.Write(filepath.Join(dir, "checkpoint"), checkpoint.Checkpoint{LogTime: 1 << 60, QueueTime: 1 << 60, IndexTime: 1 << 60, QueueOffset: 1 << 50}))
	}
	remove := func() {
		for _, name := range []string{"consumequeue", "index", "checkpoint"} {
			require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
		}
	}
	removeIndex := func() { require.NoError(t, os.RemoveAll(filepath.Join(dir, "index"))) }
	for name, change := range map[string]func(){"wrong": overwrite, "missing": remove, "queues without index": removeIndex} {
		change()
		var contents Contents
		w = openWriter(t, testConfig(dir), &contents)
		require.Len(t, contents.Queues, 1, name)
		var found []int64
		for _, u := range contents.Queues["orders"][0].Units {
			found = append(found, u.Offset)
		}
		require.Equal(t, want, found, name)
		w.close()
		require.Equal(t, want, units(t, dir, "orders"), name)
		require.Equal(t, 25, indexed(t, dir), name)
		require.Equal(t, truth, readCheckpoint(t, dir), name)
	}
}

// While a broker runs, and after it has crashed, there are no queues, no index and no
// checkpoint, and there is a file abort: RocketMQ makes them of the log then. After an orderly
// end all are there, and whole.
func TestQueuesAndIndexAreThereAsAWholeOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, testConfig(dir), &Contents{})
	require.NoError(t, w.put("orders"))
	require.Empty(t, derived(t, dir))
	require.FileExists(t, filepath.Join(dir, "abort"))
	w.close()
	require.Equal(t, []string{"checkpoint", "consumequeue", "index"}, derived(t, dir))
	require.NoFileExists(t, filepath.Join(dir, "abort"))

	w = openWriter(t, testConfig(dir), &Contents{})
	require.Empty(t, derived(t, dir), "they would be of yesterday")
	require.NoError(t, w.put("orders"))
	require.NoError(t, w.store.Abandon())
	require.Empty(t, derived(t, dir))
	require.FileExists(t, filepath.Join(dir, "abort"))

	// The index cannot be put in its place.
	w = openWriter(t, testConfig(dir), &Contents{})
	require.True(t, w.store.Crashed)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "index", "in the way"), 0o755))
	require.Error(t, w.store.Close(everyTopic, noDelay))
	require.Empty(t, derived(t, dir), "queues without an index are not what RocketMQ makes the rest of")
	require.FileExists(t, filepath.Join(dir, "abort"))
}

// A checkpoint claims the messages whose units and keys are on the disk, and no more: RocketMQ
// does not look at what lies before.
func TestACheckpointClaimsNoMoreThanThereIs(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, testConfig(dir), &Contents{})
	require.NoError(t, w.put("orders"))
	last := w.last
	rolledBack := func(m *body.StoredMessage) { m.SysFlag = headers.SysFlagRollback }
	require.NoError(t, w.put("orders", rolledBack)) // it has no unit
	w.close()
	require.Equal(t, []int64{last.CommitLogOffset}, units(t, dir, "orders"))
	c := readCheckpoint(t, dir)
	require.Equal(t, last.CommitLogOffset, c.QueueOffset)
	require.Equal(t, w.last.StoreTimestamp, c.LogTime)
	require.LessOrEqual(t, c.QueueTime, c.LogTime)
	require.LessOrEqual(t, c.IndexTime, c.LogTime)

	w = openWriter(t, testConfig(dir), &Contents{})
	w.close()
	require.Equal(t, c, readCheckpoint(t, dir))
	empty := t.TempDir()
	openWriter(t, testConfig(empty), &Contents{}).close()
	require.Zero(t, readCheckpoint(t, empty), "of an empty log nothing is claimed")
}

// No record is of version 2: 4.9 takes it for the end of the log, and deletes what follows.
// What others have written of it is read.
func TestNoRecordIsOfVersion2(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, testConfig(dir), &Contents{})
	longest := strings.Repeat("x", LongestTopic)
	require.NoError(t, w.put(longest))
	require.ErrorIs(t, w.put(longest+"x"), ErrLongTopic)
	require.NoError(t, w.put("orders"))
	w.close()
	path := filepath.Join(dir, "commitlog", fmt.Sprintf("%020d", 0))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	n := 0
	for size := binary.BigEndian.Uint32(data); size > 0; size = binary.BigEndian.Uint32(data) {
		require.True(t, body.IsVersion1(data))
		data = data[size:]
		n++
	}
	require.Equal(t, 2, n)

	// A 5.x broker adds one.
	end := w.last.CommitLogOffset
	raw, err := body.AppendStored(nil, &body.StoredMessage{
		Topic: "%RETRY%" + longest, Body: []byte("body"), BornHost: netip.MustParseAddrPort("127.0.0.1:1"), StoreHost: netip.MustParseAddrPort("127.0.0.1:1"),
	})
	require.NoError(t, err)
	require.False(t, body.IsVersion1(raw))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	var size [4]byte
	_, err = f.ReadAt(size[:], end)
	require.NoError(t, err)
	end += int64(binary.BigEndian.Uint32(size[:]))
	require.NoError(t, body.SetPlace(raw, body.Place{CommitLogOffset: end, StoreTimestamp: 2_000_000}))
	_, err = f.WriteAt(raw, end)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	var contents Contents
	w = openWriter(t, testConfig(dir), &contents)
	require.Len(t, contents.Queues["%RETRY%"+longest][0].Units, 1)
	w.close()
}

// What real brokers leave in a folder is no obstacle: files and folders that we do not know,
// queues of all sorts and in RocksDB, and messages of system topics.
func TestWhatRocketMQLeavesInAFolderIsNoObstacle(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, testConfig(dir), &Contents{})
	topics := []string{"orders", "%RETRY%billing", "%LMQ%light", "rmq_sys_REVIVE_LOG_DefaultCluster", "rmq_sys_wheel_timer", "SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC"}
	for _, topic := range topics {
		require.NoError(t, w.put(topic))
	}
	require.NoError(t, w.store.Abandon())
	unknown := []string{
		"timerwheel", "timerlog/00000000000000000000", "config/timermetrics", "config/consumerFilter.json", "abort.bak",
		"rocksdbstore/CURRENT", "compaction/position-checkpoint", "consumequeue_ext/orders/0/00000000000000000000",
		"batchconsumequeue/orders/0/00000000000000000000", "consumequeue_rocksdb/CURRENT",
	}
	rebuilt := []string{
		"consumequeue/CURRENT", "consumequeue/%RETRY%billing/0/00000000000000000000", "consumequeue/%LMQ%light/0/00000000000000000000",
		"index/rocksdb/CURRENT", "index/no-number",
	}
	filler := binary.BigEndian.AppendUint32(make([]byte, 8, 20), 0x7FFFFFFF)
	for _, name := range slices.Concat(unknown, rebuilt) {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), filler[:20], 0o644))
	}
	var contents Contents
	w = openWriter(t, testConfig(dir), &contents)
	require.Empty(t, w.store.Recovery.Dropped)
	for _, topic := range topics {
		require.Len(t, contents.Queues[topic][0].Units, 1, topic)
	}
	w.close()
	for _, name := range unknown {
		require.FileExists(t, filepath.Join(dir, name))
	}
	require.NoFileExists(t, filepath.Join(dir, "consumequeue", "CURRENT"))
	require.Len(t, units(t, dir, "%RETRY%billing"), 1)
}

// A real broker opens a folder with its defaults: files are as long as its own, and take room
// for what they have.
func TestFilesAreAsLongAsThoseOfRocketMQ(t *testing.T) {
	dir := t.TempDir()
	w := openWriter(t, Config{Dir: dir}, &Contents{})
	require.NoError(t, w.put("orders"))
	w.close()
	for pattern, size := range map[string]int64{
		"commitlog/00000000000000000000": 1 << 30, "consumequeue/orders/0/00000000000000000000": 6_000_000, "index/*": 420_000_040, "checkpoint": 4096,
	} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.Len(t, files, 1, pattern)
		info, err := os.Stat(files[0])
		require.NoError(t, err)
		require.Equal(t, size, info.Size(), pattern)
		if used, known := occupied(info); known {
			require.Less(t, used, int64(1<<20), pattern)
		}
	}
	small := t.TempDir()
	w = openWriter(t, testConfig(small), &Contents{})
	require.NoError(t, w.put("orders"))
	w.close()
	for pattern, size := range map[string]int64{
		"commitlog/00000000000000000000": 64 << 10, "consumequeue/orders/0/00000000000000000000": 200, "index/*": 40 + 4*100 + 20*1000,
	} {
		files, err := filepath.Glob(filepath.Join(small, pattern))
		require.NoError(t, err)
		require.Len(t, files, 1, pattern)
		info, err := os.Stat(files[0])
		require.NoError(t, err)
		require.Equal(t, size, info.Size(), pattern)
	}
}

// What waits for its time is not read from the beginning by a real broker: a file says where
// it is to go on, in the two places that it looks at.
func TestTimerCheckSaysWhereToGoOn(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, WriteTimerCheck(dir, 5_000, 7))
	data, err := os.ReadFile(filepath.Join(dir, "config", "timercheck"))
	require.NoError(t, err)
	require.Len(t, data, 4096)
	require.EqualValues(t, 7, binary.BigEndian.Uint64(data[16:]))
	require.EqualValues(t, 7, binary.BigEndian.Uint64(data[24:]))
	binary.BigEndian.PutUint64(data[24:], 5)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config", "timercheck"), data, 0o644))
	next, err := ReadTimerCheck(dir)
	require.NoError(t, err)
	require.EqualValues(t, 5, next, "the smaller one counts")
}

// What could not be saved is saved by the next Save, though nothing has changed since.
func TestSaveTriesAgain(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(testConfig(dir), (&Contents{}).Add)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Abandon() })
	state := State{
		Topics:  map[string]settings.Topic{"orders": {Name: "orders", ReadQueues: 1, WriteQueues: 1, Perm: 6, FilterType: "SINGLE_TAG"}},
		Groups:  map[string]headers.SubscriptionGroupConfig{"billing": headers.NewSubscriptionGroupConfig("billing")},
		Offsets: map[offsets.Queue]int64{{Group: "billing", Topic: "orders"}: 3},
		Delays:  map[int]int64{1: 2},
		Timers:  4,
	}
	config := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(config, nil, 0o644)) // where the folder is to be
	require.Error(t, s.Save(state, 0))
	require.Error(t, s.Save(state, 0))
	require.NoError(t, os.Remove(config))
	require.NoError(t, s.Save(state, 0))
	read, err := readState(dir)
	require.NoError(t, err)
	require.Equal(t, state.Topics, read.topics.Table)
	require.Contains(t, read.groups.Table, "billing")
	require.Equal(t, state.Offsets, read.offsets.Table)
	require.Equal(t, state.Delays, read.delays.Table)
	require.Equal(t, state.Timers, read.timers)
}

// hangingFile has each sync wait for a gate.
type hangingFile struct {
	commitlog.File
	gate chan struct{}
}

func (f hangingFile) SyncData() error {
	<-f.gate
	return nil
}

// A store that is closed while its log is written waits for the log, and has in its queues
// what that has in the end.
func TestCloseWhileTheLogIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, gate := t.TempDir(), make(chan struct{})
		cfg := testConfig(dir)
		cfg.Log.Sync = true
		cfg.Log.Open = func(path string, create bool) (commitlog.File, error) {
			f, err := commitlog.OpenFile(path, create)
			return hangingFile{f, gate}, err
		}
		w := openWriter(t, cfg, &Contents{})
		outcome := make(chan error, 2)
		for range 2 { // the one is synced, the other waits for that
			go func() { outcome <- w.put("orders") }()
			synctest.Wait()
		}
		closed := make(chan error, 1)
		go func() { closed <- w.store.Close(everyTopic, noDelay) }()
		synctest.Wait()
		close(gate)
		require.NoError(t, <-outcome)
		require.NoError(t, <-outcome)
		require.NoError(t, <-closed)
		require.Len(t, units(t, dir, "orders"), 2)
		require.NoFileExists(t, filepath.Join(dir, "abort"))
	})
}

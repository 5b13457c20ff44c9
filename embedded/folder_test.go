package embedded_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/settings"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/view"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// opened starts a cluster with a folder.
func opened(t *testing.T, dir string, options ...embedded.Option) *embedded.Cluster {
	t.Helper()
	c, err := embedded.Start(append(options, embedded.Dir(dir), embedded.WithCommitLogFileSize(1<<20))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A cluster that is started with the folder of another one has what that one had.
func TestDir(t *testing.T) {
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprint(sync), func(t *testing.T) {
			dir := t.TempDir()
			options := []embedded.Option{embedded.WithTopic("orders", 2)}
			if sync {
				options = append(options, embedded.WithSyncFlush(), embedded.WithSyncFlushTimeout(time.Hour))
			}
			first := opened(t, dir, options...)
			c := dial(t, first, first.Broker(0).Addr())
			for i := range 10 {
				c.succeed(message("orders", toQueue(int32(i%2)), with("UNIQ_KEY", fmt.Sprint("ID", i), "KEYS", "red", "TAGS", "a")), fmt.Appendf(nil, "body %d", i))
			}
			c.succeed(message("new"), []byte("makes its topic"))
			require.NoError(t, first.Broker(0).CreateTopic("empty", 3))
			first.CreateConsumerGroup(headers.NewSubscriptionGroupConfig("billing"))
			c.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: "billing", Topic: "orders", QueueID: 1, CommitOffset: 4}, nil)
			before, err := first.Messages("orders")
			require.NoError(t, err)
			require.Len(t, before, 10)
			require.NoError(t, first.Close())

			second := opened(t, dir)
			after, err := second.Messages("orders")
			require.NoError(t, err)
			require.Equal(t, before, after)
			offset, ok := second.Broker(0).ConsumerOffset("billing", "orders", 1)
			require.True(t, ok)
			require.EqualValues(t, 4, offset)
			var names []string
			for _, topic := range second.Broker(0).Topics() {
				names = append(names, fmt.Sprint(topic.Name, topic.ReadQueues))
			}
			require.Subset(t, names, []string{"empty3", "orders2", "new4"})
			d := dial(t, second, second.Broker(0).Addr())
			found := d.call(&headers.QueryMessage{Topic: "orders", Key: "ID3", UniqueKey: true, MaxMessages: 1, End: time.Now().Add(time.Hour).UnixMilli()}, nil)
			require.Equal(t, []string{"body 3"}, bodies(t, found))
			result := fields(d.succeed(message("orders", toQueue(1)), []byte("more")))
			require.Equal(t, "5", result["queueOffset"])
			pulled := d.call(&headers.PullMessage{ConsumerGroup: "billing", Topic: "orders", QueueID: 1, QueueOffset: 4, MaxMessages: 32, SysFlag: headers.PullSubscription, Subscription: "*"}, nil)
			require.Equal(t, []string{"body 9", "more"}, bodies(t, pulled))
		})
	}
}

// A folder is for one cluster at a time.
func TestDirIsLocked(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir)
	_, err := embedded.Start(embedded.Dir(dir))
	require.ErrorContains(t, err, "another broker has the folder open")
	require.NoError(t, first.Close())
	opened(t, dir)
}

// What waits for its time goes on waiting, and is delivered once.
func TestDirWithDelays(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	now := first.Now()
	c.succeed(message("orders", with("DELAY", "5")), []byte("in 1 min"))
	c.succeed(message("orders", with("DELAY", "7")), []byte("in 3 min"))
	c.succeed(message("orders", with("UNIQ_KEY", "A", "TIMER_DELIVER_MS", fmt.Sprint(now.Add(2*time.Minute).UnixMilli()))), []byte("in 2 min"))
	c.succeed(message("orders", with("UNIQ_KEY", "B", "TIMER_DELIVER_MS", fmt.Sprint(now.Add(20*time.Second).UnixMilli()))), []byte("in 20 s"))
	first.Advance(90 * time.Second)
	require.NoError(t, first.Close())
	second := opened(t, dir)
	second.Advance(4 * time.Minute)
	stored, err := second.AwaitMessages(t.Context(), "orders", 4)
	require.NoError(t, err)
	var got []string
	for _, m := range stored {
		got = append(got, string(m.Body))
	}
	require.Equal(t, []string{"in 20 s", "in 1 min", "in 2 min", "in 3 min"}, got)
	require.NoError(t, second.Close())
	third := opened(t, dir)
	third.Advance(5 * time.Minute)
	n, err := third.Stored("orders")
	require.NoError(t, err)
	require.Equal(t, 4, n)
}

// What was popped and not acknowledged when the cluster ended is there again.
func TestDirWithPops(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	for i := range 3 {
		c.succeed(message("orders"), fmt.Appendf(nil, "%d", i))
	}
	pop := &headers.PopMessage{ConsumerGroup: "billing", Topic: "orders", QueueID: -1, MaxMessages: 32, InvisibleMillis: 60_000, PollMillis: 1000}
	require.Equal(t, []string{"0", "1", "2"}, bodies(t, c.call(pop, nil)))
	require.NoError(t, first.Close())
	second := opened(t, dir)
	d := dial(t, second, second.Broker(0).Addr())
	require.Equal(t, []string{"0", "1", "2"}, bodies(t, d.call(pop, nil)))
}

// Who waits for the end of a transaction still does, and who does not is asked no more.
func TestDirWithTransactions(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	ends := make(map[string]*headers.EndTransaction)
	for _, id := range []string{"COMMITTED", "ROLLED-BACK", "OPEN", "CHECKED"} {
		h := message("orders", with("UNIQ_KEY", id, "TRAN_MSG", "true", "PGROUP", "group"))
		h.SysFlag = headers.SysFlagPrepared
		ends[id] = prepare(c, first, h)
	}
	c.succeed(ends["COMMITTED"], nil)
	rollback := *ends["ROLLED-BACK"]
	rollback.End = headers.TransactionRollback
	c.succeed(&rollback, nil)
	require.Zero(t, first.Broker(0).CheckTransactions(), "nobody is there to be asked, and both halves are written anew")
	require.NoError(t, first.Close())

	second := opened(t, dir)
	asked := make(map[string]bool)
	d := dial(t, second, second.Broker(0).Addr())
	becomeProducer(d, "client")
	require.Equal(t, 2, second.Broker(0).CheckTransactions())
	var checks []headers.CheckTransaction
	for range 2 {
		check, m := receiveCheck(d)
		checks = append(checks, check)
		asked[check.TransactionID] = true
		require.Contains(t, string(m.Properties), "TRANSACTION_CHECK_TIMES\x012\x02")
	}
	for _, check := range checks {
		d.succeed(answerTo(check, headers.TransactionCommit), nil)
	}
	require.Equal(t, map[string]bool{"OPEN": true, "CHECKED": true}, asked)
	n, err := second.Stored("orders")
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, second.Close())
	third := opened(t, dir)
	require.Zero(t, third.Broker(0).CheckTransactions())
}

// A folder that a cluster with auto-creation has left does not bring it back.
func TestDirWithoutAutoCreation(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, opened(t, dir).Close())
	second := opened(t, dir, embedded.WithoutAutoCreateTopic())
	require.EqualValues(t, headers.TopicNotExist, dial(t, second, second.Broker(0).Addr()).call(message("misspelt"), []byte("a")).Code)
	require.EqualValues(t, headers.TopicNotExist, dial(t, second, second.NameServers()[0]).call(routeOf(headers.DefaultTopic), nil).Code)
}

// The level of a message counts from now at the latest, though the log has messages of a clock
// that was ahead, which store times do not go behind.
func TestDirOfAClockThatWasAhead(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	first.Advance(24 * time.Hour)
	dial(t, first, first.Broker(0).Addr()).succeed(message("orders", with("DELAY", "1")), []byte("before"))
	require.NoError(t, first.Close())
	second := opened(t, dir)
	dial(t, second, second.Broker(0).Addr()).succeed(message("orders", with("DELAY", "1")), []byte("behind"))
	second.Advance(2 * time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := second.AwaitMessages(ctx, "orders", 2)
	require.NoError(t, err)
	require.Equal(t, []string{"before", "behind"}, bodiesOf(t, second, "orders"))
}

// A group that has popped in order and acknowledged all, or was moved on, is not taken back.
func TestDirWithPopsInOrder(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	for i := range 10 {
		c.succeed(message("orders"), fmt.Appendf(nil, "%d", i))
	}
	for group, moved := range map[string]func(group string){
		"reset": func(group string) {
			c.succeed(&headers.ResetOffset{Topic: "orders", ConsumerGroup: group, QueueID: 0, Timestamp: -1, HasOffset: true, Offset: 8}, nil)
		},
		"pulls": func(group string) {
			c.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: group, Topic: "orders", CommitOffset: 8}, nil)
		},
	} {
		pop := &headers.PopMessage{ConsumerGroup: group, Topic: "orders", QueueID: 0, MaxMessages: 5, InvisibleMillis: 60_000, Order: true}
		ackAll(t, c, group, c.call(pop, nil))
		unacked := func() int64 {
			for _, g := range first.Broker(0).Groups() {
				if g.Name == group {
					return g.Positions[0].Unacked
				}
			}
			return 0
		}
		require.Equal(t, view.None, unacked(), "all is acknowledged")
		c.call(pop, nil)
		require.EqualValues(t, 5, unacked())
		moved(group)
		require.Equal(t, view.None, unacked(), "the group is behind it")
	}
	require.NoError(t, first.Close())
	second := opened(t, dir)
	for _, group := range []string{"reset", "pulls"} {
		offset, ok := second.Broker(0).ConsumerOffset(group, "orders", 0)
		require.True(t, ok)
		require.EqualValues(t, 8, offset, group)
	}
}

// What was dropped because there were newer messages is not back after a restart.
func TestDirWithRetention(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1), embedded.WithRetention(2))
	c := dial(t, first, first.Broker(0).Addr())
	for i := range 5 {
		c.succeed(message("orders"), fmt.Appendf(nil, "%d", i))
	}
	want := []string{"3", "4"}
	require.Equal(t, want, bodiesOf(t, first, "orders"))
	require.NoError(t, first.Close())
	second := opened(t, dir, embedded.WithRetention(2))
	require.Equal(t, want, bodiesOf(t, second, "orders"))
	require.EqualValues(t, 3, second.Broker(0).Queues("orders")[0].MinOffset)
}

// What waits for its time is delivered, though there are more such messages than are kept.
func TestDirWithRetentionOfWhatWaits(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 4), embedded.WithRetention(2))
	c := dial(t, first, first.Broker(0).Addr())
	var want []string
	for i := range int32(4) {
		for name, value := range map[string]string{"DELAY": "3", "TIMER_DELAY_SEC": "10"} {
			text := fmt.Sprintf("%s %d", name, i)
			want = append(want, text)
			c.succeed(message("orders", with("UNIQ_KEY", text, name, value), func(h *headers.SendMessage) { h.QueueID = i }), []byte(text))
		}
	}
	require.NoError(t, first.Close())
	second := opened(t, dir, embedded.WithRetention(2))
	second.Advance(time.Minute)
	require.ElementsMatch(t, want, bodiesOf(t, second, "orders"))
}

// prepareOpen stores a half message, OPEN in the topic orders, that nobody decides about.
func prepareOpen(t *testing.T, c *embedded.Cluster) {
	t.Helper()
	h := message("orders", with("UNIQ_KEY", "OPEN", "TRAN_MSG", "true", "PGROUP", "group"))
	h.SysFlag, h.BornTimestamp = headers.SysFlagPrepared, time.Now().UnixMilli()
	prepare(dial(t, c, c.Broker(0).Addr()), c, h)
}

// Who waits for the end of a transaction is asked about after a restart, though nothing is
// sent any more.
func TestDirAsksAboutTransactions(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	prepareOpen(t, first)
	require.NoError(t, first.Close())

	second := opened(t, dir)
	d := dial(t, second, second.Broker(0).Addr())
	becomeProducer(d, "client")
	second.Advance(time.Minute)
	check, _ := receiveCheck(d)
	require.Equal(t, "OPEN", check.TransactionID)
}

// A group whose pops are kept in a KV store goes on after a restart where it was, and does
// not begin anew.
func TestDirWithPopsInKV(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1), embedded.WithPopKV())
	c := dial(t, first, first.Broker(0).Addr())
	pop := &headers.PopMessage{ConsumerGroup: "billing", Topic: "orders", QueueID: -1, MaxMessages: 32, InvisibleMillis: 60_000, PollMillis: 1000}
	for i := range 3 {
		c.succeed(message("orders"), fmt.Appendf(nil, "%d", i))
		require.Equal(t, []string{fmt.Sprint(i)}, bodies(t, c.call(pop, nil)))
	}
	c.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: "billing", Topic: "orders", QueueID: 0, CommitOffset: 2}, nil)
	require.NoError(t, first.Close())
	offsets, err := settings.ReadOffsets(dir)
	require.NoError(t, err)
	for q, offset := range offsets.Table { // as if the first ones had been acknowledged
		if q.Group == "billing" && q.Topic == "orders" {
			require.Zero(t, offset)
			offsets.Table[q] = 2
		}
	}
	require.NoError(t, offsets.Write())
	second := opened(t, dir, embedded.WithPopKV())
	d := dial(t, second, second.Broker(0).Addr())
	require.Equal(t, []string{"2"}, bodies(t, d.call(pop, nil)))
	offset, _ := second.Broker(0).ConsumerOffset("billing", "orders", 0)
	require.EqualValues(t, 2, offset)
}

// A start with fewer delay levels leaves the messages of the others for a later one.
func TestDirWithFewerDelayLevels(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	dial(t, first, first.Broker(0).Addr()).succeed(message("orders", with("DELAY", "5")), []byte("in 1 min"))
	require.NoError(t, first.Close())
	require.NoError(t, opened(t, dir, embedded.WithDelayLevels(time.Second)).Close())
	third := opened(t, dir)
	third.Advance(2 * time.Minute)
	_, err := third.AwaitMessages(t.Context(), "orders", 1)
	require.NoError(t, err)
}

// A group may have any name. Files of queues are in the folder all the same, and each in that
// of its own topic.
func TestDirAndNamesOfGroups(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "a", "b")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	id := fields(c.succeed(message("orders"), []byte("a")))["msgId"]
	groups := []string{"x/../orders", "x/../../../../outside", `x\..\orders`, "a/b", "\x00"}
	for _, group := range groups {
		back := &headers.ConsumerSendBack{ConsumerGroup: group, Offset: offsetIn(t, id), OriginTopic: "orders", DelayLevel: 0}
		first.CreateConsumerGroup(headers.NewSubscriptionGroupConfig(group))
		c.call(back, nil)
	}
	for _, group := range groups {
		pop := &headers.PopMessage{ConsumerGroup: group, Topic: "orders", QueueID: -1, MaxMessages: 1, InvisibleMillis: 1}
		c.call(pop, nil)
	}
	first.Advance(time.Hour)
	require.NoError(t, first.Close())
	names, err := filepath.Glob(filepath.Join(dir, "consumequeue", "*"))
	require.NoError(t, err)
	for _, name := range names {
		queues, err := os.ReadDir(name)
		require.NoError(t, err)
		for _, q := range queues {
			require.Equal(t, strings.Trim(q.Name(), "0123456789"), "", "%s has %s", name, q.Name())
		}
	}
	require.NotEmpty(t, names)
	outside, err := filepath.Glob(filepath.Join(parent, "*"))
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(parent, "a")}, outside)
	again := opened(t, dir)
	stored, err := again.Messages("orders")
	require.NoError(t, err)
	require.Len(t, stored, 1)
}

// What real brokers do not list among their topics is there all the same, and numbers of
// queues below 0 are none.
func TestDirWithTopicsOfOthers(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	prepareOpen(t, first)
	require.NoError(t, first.Close())
	topics, err := settings.ReadTopics(dir)
	require.NoError(t, err)
	delete(topics.Table, headers.HalfTopic)
	topics.Table["negative"] = settings.Topic{ReadQueues: -1, WriteQueues: -3, Perm: 6}
	require.NoError(t, topics.Write())

	second := opened(t, dir)
	require.Empty(t, second.Broker(0).Queues("negative"))
	d := dial(t, second, second.Broker(0).Addr())
	becomeProducer(d, "client")
	require.Equal(t, 1, second.Broker(0).CheckTransactions())
}

// A send that was accepted before its topic was deleted is refused, also when the topic was
// made again: behind the new messages its offset would hide them after the next start.
func TestDirAndATopicThatIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	b := first.Broker(0)
	c := dial(t, first, b.Addr())
	for range 3 {
		c.succeed(message("orders"), []byte("old"))
	}
	late := b.Accepted("orders")
	b.DeleteTopic("orders")
	require.NoError(t, b.CreateTopic("orders", 1))
	c.succeed(message("orders"), []byte("new 0"))
	require.Error(t, late())
	c.succeed(message("orders"), []byte("new 1"))
	require.NoError(t, first.Close())
	require.Equal(t, []string{"new 0", "new 1"}, bodiesOf(t, opened(t, dir), "orders"))
}

func bodiesOf(t *testing.T, c *embedded.Cluster, topic string) (list []string) {
	t.Helper()
	stored, err := c.Messages(topic)
	require.NoError(t, err)
	for _, m := range stored {
		list = append(list, string(m.Body))
	}
	return list
}

// A batch that says of itself that it is rolled back has no places in its queue, be it in sight
// or after a restart.
func TestDirWithBatchesThatAreRolledBack(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	c.succeed(message("orders"), []byte("before"))
	c.succeed(message("orders", batched, func(h *headers.SendMessage) { h.SysFlag = headers.SysFlagRollback }), batchBody(t, "a", "b"))
	c.succeed(message("orders"), []byte("behind"))
	want := []string{"before", "behind"}
	require.Equal(t, want, bodiesOf(t, first, "orders"))
	require.NoError(t, first.Close())
	require.Equal(t, want, bodiesOf(t, opened(t, dir), "orders"))
}

// fullDisk is a disk that can be full.
type fullDisk struct{ full atomic.Bool }

func (d *fullDisk) open(path string, create bool) (commitlog.File, error) {
	if create && d.full.Load() {
		return nil, syscall.ENOSPC
	}
	f, err := commitlog.OpenFile(path, create)
	return fullFile{f, d}, err
}

type fullFile struct {
	commitlog.File
	disk *fullDisk
}

func (f fullFile) WriteAt(p []byte, off int64) (int, error) {
	if f.disk.full.Load() {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, syscall.ENOSPC
	}
	return f.File.WriteAt(p, off)
}

// While the disk is full sends are refused with the code of real brokers, nothing that was
// acknowledged is lost, what is due meanwhile is delivered later, and it goes on when there is
// room.
func TestDirWhileTheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	disk := &fullDisk{}
	first := opened(t, dir, embedded.WithTopic("orders", 1), embedded.WithFiles(disk.open))
	c := dial(t, first, first.Broker(0).Addr())
	c.succeed(message("orders", with("DELAY", "1")), []byte("due when it is full"))
	want := []string{}
	for i := range 5 {
		c.succeed(message("orders"), fmt.Appendf(nil, "%d", i))
		want = append(want, fmt.Sprint(i))
		disk.full.Store(true)
		refused := c.call(message("orders"), []byte("never"))
		require.EqualValues(t, headers.ServiceNotAvailable, refused.Code)
		batch := message("orders")
		batch.Batch = true
		inner, err := body.AppendBatchMessage(nil, 0, []byte("never"), nil)
		require.NoError(t, err)
		refused = c.call(batch, inner)
		require.EqualValues(t, headers.ServiceNotAvailable, refused.Code)
		first.Advance(2 * time.Second)
		disk.full.Store(false)
	}
	first.Advance(2 * time.Second)
	want = append(want, "due when it is full")
	for range 2 {
		stored, err := first.AwaitMessages(t.Context(), "orders", 6)
		require.NoError(t, err)
		var got []string
		for i, m := range stored {
			require.EqualValues(t, i, m.QueueOffset)
			got = append(got, string(m.Body))
		}
		require.ElementsMatch(t, want, got)
		require.NoError(t, first.Close())
		first = opened(t, dir)
	}
}

// What was popped and is to be delivered again comes after a restart, though the disk had no
// room for its copy.
func TestDirWithPopsThatAreNotStoredAgain(t *testing.T) {
	dir := t.TempDir()
	disk := &fullDisk{}
	first := opened(t, dir, embedded.WithTopic("orders", 1), embedded.WithFiles(disk.open))
	c := dial(t, first, first.Broker(0).Addr())
	c.succeed(message("orders"), []byte("a"))
	pop := &headers.PopMessage{ConsumerGroup: "billing", Topic: "orders", QueueID: -1, MaxMessages: 32, InvisibleMillis: 1000}
	require.Equal(t, []string{"a"}, bodies(t, c.call(pop, nil)))
	disk.full.Store(true)
	first.Advance(10 * time.Second)
	_ = first.Close() // it says that the disk is full, or not, as far as it had to write
	second := opened(t, dir)
	require.Equal(t, []string{"a"}, bodies(t, dial(t, second, second.Broker(0).Addr()).call(pop, nil)))
	require.NoError(t, second.Close())

	third := opened(t, dir)
	d := dial(t, third, third.Broker(0).Addr())
	require.Equal(t, []string{"a"}, bodies(t, d.call(pop, nil)))
	third.Advance(10 * time.Second)
	_, err := third.AwaitMessages(t.Context(), "%RETRY%billing_orders", 1)
	require.NoError(t, err)
	require.NoError(t, third.Close())
	offsets, err := settings.ReadOffsets(dir)
	require.NoError(t, err)
	require.EqualValues(t, 1, offsets.Table[queueOf("billing", "orders")], "it is in the retry topic now")
}

func queueOf(group, topic string) offsets.Queue { return offsets.Queue{Group: group, Topic: topic} }

// A half message is not passed over as long as the disk has neither what became of it nor the
// copy that counts a check.
func TestDirWithTransactionsThatAreNotStored(t *testing.T) {
	for _, checked := range []bool{false, true} {
		dir := t.TempDir()
		first := opened(t, dir, embedded.WithTopic("orders", 1))
		half := message("orders", with("UNIQ_KEY", "HALF", "TRAN_MSG", "true", "PGROUP", "group"))
		half.SysFlag = headers.SysFlagPrepared
		end := prepare(dial(t, first, first.Broker(0).Addr()), first, half)
		require.NoError(t, first.Close())

		cluster, disk := onHangingDisk(t, dir)
		disk.hang()
		checks := make(chan int, 1)
		c := dial(t, cluster, cluster.Broker(0).Addr())
		if checked {
			go func() { checks <- cluster.Broker(0).CheckTransactions() }()
		} else {
			c.send(end, nil)
		}
		require.Eventually(t, disk.isHanging, patience, time.Millisecond)
		require.Zero(t, cluster.Broker(0).CheckTransactions(), "the half message is on its way")
		saved := func() int64 {
			offsets, err := settings.ReadOffsets(dir)
			require.NoError(t, err)
			return offsets.Table[queueOf("CID_RMQ_SYS_TRANS", headers.HalfTopic)]
		}
		cluster.Advance(5 * time.Second)
		require.Zero(t, saved())
		disk.goOn()
		if checked {
			require.Zero(t, <-checks, "nobody is there to be asked")
		} else {
			answer := c.receive()
			require.NoError(t, answer.Err())
			_, err := cluster.AwaitMessages(t.Context(), "orders", 1)
			require.NoError(t, err)
		}
		require.NoError(t, cluster.Close())
		require.EqualValues(t, 1, saved())
	}
}

// A popped message is not passed over as long as the topic that has its copy is not saved.
func TestDirWhileARetryTopicCannotBeSaved(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	c.succeed(message("orders"), []byte("a"))
	pop := &headers.PopMessage{ConsumerGroup: "billing", Topic: "orders", QueueID: -1, MaxMessages: 32, InvisibleMillis: 1000}
	require.Equal(t, []string{"a"}, bodies(t, c.call(pop, nil)))
	unblock := blockTopics(t, dir)
	first.Advance(10 * time.Second)
	_, err := first.AwaitMessages(t.Context(), "%RETRY%billing_orders", 1)
	require.NoError(t, err)
	require.Error(t, first.Close())
	unblock()
	second := opened(t, dir)
	require.Equal(t, []string{"a"}, bodies(t, dial(t, second, second.Broker(0).Addr()).call(pop, nil)))
}

// ackAll acknowledges what a pop of the topic orders has brought.
func ackAll(t *testing.T, c *client, group string, popped headers.Command) {
	t.Helper()
	result, err := headers.ParsePopResult(&popped)
	require.NoError(t, err)
	for i := range result.Queues {
		for j := range result.Queues[i].Offsets {
			handle := result.Handle("broker-a", &result.Queues[i], j)
			c.succeed(&headers.AckMessage{ConsumerGroup: group, Topic: "orders", QueueID: handle.QueueID, Handle: handle.String(), Offset: handle.Offset}, nil)
		}
	}
}

// blockTopics keeps the file of topics from being written until the returned function is
// called.
func blockTopics(t *testing.T, dir string) (unblock func()) {
	t.Helper()
	inTheWay := filepath.Join(dir, "config", "topics.json.tmp")
	require.NoError(t, os.Mkdir(inTheWay, 0o755))
	return func() { require.NoError(t, os.Remove(inTheWay)) }
}

// A topic that cannot be saved refuses its own sends and what asks for a change of topics, and
// nothing else: other topics and groups go on, also groups that are new. When it can be saved
// it is there, also after a crash.
func TestDirWhileATopicCannotBeSaved(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir, embedded.WithTopic("orders", 1), embedded.WithTopic("unwanted", 1))
	c := dial(t, first, first.Broker(0).Addr())
	id := fields(c.succeed(message("orders"), []byte("0")))["msgId"]
	c.succeed(message("orders"), []byte("1"))
	pull := &headers.PullMessage{ConsumerGroup: "old", Topic: "orders", MaxMessages: 1, SysFlag: headers.PullSubscription, Subscription: "*"}
	require.Equal(t, []string{"0"}, bodies(t, c.call(pull, nil)))

	unblock := blockTopics(t, dir)
	for range 2 {
		require.EqualValues(t, headers.SystemError, c.call(message("new"), []byte("never")).Code)
	}
	require.EqualValues(t, headers.SystemError, c.call(&headers.CreateTopic{Topic: "asked-for", ReadQueues: 1, WriteQueues: 1, Perm: 6}, nil).Code)
	for range 2 { // also one that changes nothing any more
		require.EqualValues(t, headers.SystemError, c.call(ask(headers.CodeDeleteTopic, "topic", "unwanted"), nil).Code)
	}
	require.Error(t, first.Broker(0).CreateTopic("created", 1))
	require.Equal(t, []string{"0"}, bodies(t, c.call(pull, nil)))
	c.succeed(message("orders"), []byte("2"))
	pop := &headers.PopMessage{ConsumerGroup: "young", Topic: "orders", QueueID: -1, MaxMessages: 32, InvisibleMillis: 60_000}
	popped := c.call(pop, nil)
	require.Equal(t, []string{"0", "1", "2"}, bodies(t, popped))
	ackAll(t, c, "young", popped)
	require.Empty(t, bodiesOf(t, first, "new"), "what was refused is not stored")
	back := &headers.ConsumerSendBack{ConsumerGroup: "young", Offset: offsetIn(t, id), OriginTopic: "orders", DelayLevel: 1}
	require.EqualValues(t, headers.SystemError, c.call(back, nil).Code, "its retry topic would be gone after a crash")

	unblock()
	c.succeed(message("new"), []byte("stored"))
	c.succeed(back, nil)
	topics, err := settings.ReadTopics(dir)
	require.NoError(t, err)
	for _, name := range []string{"new", "created", "orders", "%RETRY%young"} {
		require.Contains(t, topics.Table, name)
	}
}

// What cannot be opened is said, and a log that is damaged is opened up to the damage.
func TestDirThatIsDamaged(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config"), nil, 0o644))
	_, err := embedded.Start(embedded.Dir(dir))
	require.ErrorContains(t, err, "config")
	require.NoError(t, os.Remove(filepath.Join(dir, "config")))

	first := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, first, first.Broker(0).Addr())
	var last int64
	for i := range 3 {
		last = offsetIn(t, fields(c.succeed(message("orders"), fmt.Appendf(nil, "%d", i)))["msgId"])
	}
	require.NoError(t, first.Close())
	f, err := os.OpenFile(filepath.Join(dir, "commitlog", "00000000000000000000"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("?"), last+88) // the body
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Empty(t, first.Broker(0).Damage())
	second := opened(t, dir)
	stored, err := second.Messages("orders")
	require.NoError(t, err)
	require.Len(t, stored, 2)
	kept, err := filepath.Glob(filepath.Join(dir, fmt.Sprintf("dropped-%d-*", last), "*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Contains(t, second.Broker(0).Damage(), fmt.Sprintf("at %d ", last))
	require.Contains(t, second.Broker(0).Damage(), filepath.Dir(kept[0]))
	require.NoError(t, second.Close())
	require.Empty(t, opened(t, dir).Broker(0).Damage(), "it is mended")
}

// slowFile has the first sync wait, and counts all.
type slowFile struct {
	commitlog.File
	syncs *atomic.Int64
	begun chan struct{}
	gate  chan struct{}
}

func (f slowFile) SyncData() error {
	if f.syncs.Add(1) == 1 {
		close(f.begun)
		<-f.gate
	}
	return f.File.SyncData()
}

// Messages that come by one connection while the disk is busy share a flush, and each answer
// comes when its message is on the disk.
func TestSyncFlushIsShared(t *testing.T) {
	var syncs atomic.Int64
	begun, gate := make(chan struct{}), make(chan struct{})
	cluster := opened(t, t.TempDir(), embedded.WithTopic("orders", 1), embedded.WithSyncFlush(), embedded.WithSyncFlushTimeout(time.Hour), embedded.WithFiles(func(path string, create bool) (commitlog.File, error) {
		f, err := commitlog.OpenFile(path, create)
		return slowFile{f, &syncs, begun, gate}, err
	}))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	const more = 64
	c.send(message("orders"), []byte("first"))
	<-begun
	for range more {
		c.send(message("orders"), []byte("further"))
	}
	require.Eventually(t, func() bool { return cluster.Stats().Requests(headers.CodeSendMessageV2) == 1+more }, patience, time.Millisecond)
	n, err := cluster.Stored("orders")
	require.NoError(t, err)
	require.Zero(t, n, "nothing is in sight that is not on the disk")
	c.silent()
	close(gate)
	for i := range 1 + more {
		require.Equal(t, fmt.Sprint(i), fields(c.receive())["queueOffset"])
	}
	require.LessOrEqual(t, syncs.Load(), int64(3))
}

// A message whose topic is too long for 4.9 is refused, be it sent, sent back or popped.
func TestDirWithLongTopics(t *testing.T) {
	cluster := opened(t, t.TempDir(), embedded.WithTopic("orders", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	long := strings.Repeat("g", 125)
	id := fields(c.succeed(message("orders"), []byte("a")))["msgId"]
	require.EqualValues(t, headers.MessageIllegal, c.call(message("%RETRY%"+long), []byte("b")).Code)
	require.EqualValues(t, headers.MessageIllegal, c.call(message("%RETRY%"+long, with("DELAY", "1")), []byte("b")).Code, "not in time, either")
	for _, level := range []int32{-1, 0, 1} {
		back := &headers.ConsumerSendBack{ConsumerGroup: long, Offset: offsetIn(t, id), OriginTopic: "orders", DelayLevel: level}
		require.EqualValues(t, headers.MessageIllegal, c.call(back, nil).Code)
	}
	pop := &headers.PopMessage{ConsumerGroup: long, Topic: "orders", QueueID: -1, MaxMessages: 1, InvisibleMillis: 60_000}
	require.EqualValues(t, headers.MessageIllegal, c.call(pop, nil).Code)
	pop.ConsumerGroup = long[:100]
	require.Equal(t, []string{"a"}, bodies(t, c.call(pop, nil)))
}

// The folder says how far delayed messages are, for a real broker not to deliver them again.
func TestDirSaysHowFarDelaysAre(t *testing.T) {
	dir := t.TempDir()
	cluster := opened(t, dir, embedded.WithTopic("orders", 1))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	timer := func(in time.Duration) func(h *headers.SendMessage) {
		return with("UNIQ_KEY", in.String(), "TIMER_DELIVER_MS", fmt.Sprint(cluster.Now().Add(in).UnixMilli()))
	}
	for _, in := range []time.Duration{5 * time.Second, time.Hour, 6 * time.Second} {
		c.succeed(message("orders", timer(in)), []byte("timer"))
	}
	for range 2 {
		c.succeed(message("orders", with("DELAY", "1")), []byte("delayed"))
	}
	c.succeed(message("orders", with("DELAY", "18")), []byte("in two hours"))
	cluster.Advance(10 * time.Second)
	_, err := cluster.AwaitMessages(t.Context(), "orders", 4)
	require.NoError(t, err)
	require.NoError(t, cluster.Close())
	delays, err := settings.ReadDelays(dir)
	require.NoError(t, err)
	require.EqualValues(t, 2, delays.Table[1])
	require.EqualValues(t, 0, delays.Table[18])
	next, err := store.ReadTimerCheck(dir)
	require.NoError(t, err)
	require.EqualValues(t, 1, next, "the first is over, the second is not")
}

// A recall counts after the next start, also when the message is overdue by then. What it is
// kept by is not delivered.
func TestDirWithRecalls(t *testing.T) {
	for _, version := range []headers.Version{headers.Version5_5_0, headers.Version5_3_3} {
		dir := t.TempDir()
		options := []embedded.Option{embedded.WithRecall(), embedded.WithVersion(version), embedded.WithTopic("topic", 1)}
		first := opened(t, dir, options...)
		c := dial(t, first, first.Broker(0).Addr())
		c.succeed(message("topic", with("UNIQ_KEY", "STAYS", "TIMER_DELAY_SEC", "3600")), []byte("stays"))
		soon := fields(c.succeed(message("topic", with("UNIQ_KEY", "SOON", "TIMER_DELAY_SEC", "1800")), []byte("soon")))["recallHandle"]
		late := fields(c.succeed(message("topic", with("UNIQ_KEY", "LATE", "TIMER_DELAY_SEC", "3600")), []byte("late")))["recallHandle"]
		c.succeed(recallOf(soon), nil)
		c.succeed(recallOf(late), nil)
		require.NoError(t, first.Close())
		for range 2 {
			again := opened(t, dir, options...)
			n, err := again.Stored("topic")
			require.NoError(t, err)
			require.Zero(t, n)
			require.NoError(t, again.Close())
		}
		third := opened(t, dir, options...)
		third.Advance(2 * time.Hour)
		stored, err := third.AwaitMessages(t.Context(), "topic", 1)
		require.NoError(t, err)
		require.Equal(t, "STAYS", stored[0].UniqueKey)
		third.Advance(2 * time.Hour)
		n, err := third.Stored("topic")
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.NoError(t, third.Close())
		next, err := store.ReadTimerCheck(dir)
		require.NoError(t, err)
		require.EqualValues(t, 5, next, "nothing waits any more")
	}
}

// A message is stored that has come before something that ends its connection, and requests
// that come together are answered in their order.
func TestDirAndWhatComesTogether(t *testing.T) {
	cluster := opened(t, t.TempDir(), embedded.WithTopic("orders", 1))
	frames := func(requests ...headers.Request) (raw []byte) {
		for i, r := range requests {
			var err error
			raw, err = headers.AppendRequest(raw, headers.JSON, int32(i), false, r, []byte("body"))
			require.NoError(t, err)
		}
		return raw
	}
	maximum := &headers.QueueRequest{Code: headers.CodeMaxOffset, Topic: "orders"}
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.writeBytes(frames(message("orders"), message("orders"), maximum, message("orders"), maximum))
	for i, want := range []string{"0", "1", "2", "2", "3"} {
		answer := c.receive()
		require.EqualValues(t, i, answer.Opaque)
		got := fields(answer)
		require.Contains(t, []string{got["queueOffset"], got["offset"]}, want, "answer %d", i)
	}
	c.writeBytes(append(frames(message("orders")), "this is no frame"...))
	_, err := cluster.AwaitMessages(t.Context(), "orders", 4)
	require.NoError(t, err)
}

// What decides about a request may look at what was stored before.
func TestInterceptSeesWhatCameBefore(t *testing.T) {
	cluster := opened(t, t.TempDir(), embedded.WithTopic("orders", 1))
	var seen []int
	cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		stored, err := cluster.AwaitMessages(ctx, "orders", len(seen))
		assert.NoError(t, err)
		seen = append(seen, len(stored))
		return embedded.Fault{}
	})
	c := dial(t, cluster, cluster.Broker(0).Addr())
	var raw []byte
	for i := range 3 {
		var err error
		raw, err = headers.AppendRequest(raw, headers.JSON, int32(i), false, message("orders"), []byte("body"))
		require.NoError(t, err)
	}
	c.writeBytes(raw)
	for range 3 {
		require.EqualValues(t, headers.Success, c.receive().Code)
	}
	require.Equal(t, []int{0, 1, 2}, seen)
}

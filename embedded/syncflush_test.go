package embedded_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// hangingDisk is a disk that takes what is written, and can be made to hang when it is to be
// synced. Otherwise it does so at once, however slow the disk of the machine is.
type hangingDisk struct {
	mu   sync.Mutex
	gate chan struct{} // nil if it does not hang
	held bool          // somebody waits for it
}

func (d *hangingDisk) isHanging() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

func (d *hangingDisk) hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gate = make(chan struct{})
}

func (d *hangingDisk) goOn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gate != nil {
		close(d.gate)
	}
	d.gate = nil
}

func (d *hangingDisk) open(path string, create bool) (commitlog.File, error) {
	f, err := commitlog.OpenFile(path, create)
	return hangingFile{f, d}, err
}

type hangingFile struct {
	commitlog.File
	disk *hangingDisk
}

func (f hangingFile) SyncData() error {
	f.disk.mu.Lock()
	gate := f.disk.gate
	f.disk.held = gate != nil
	f.disk.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return nil
}

// onHangingDisk starts a cluster with sync flush that does not wait long for its disk.
func onHangingDisk(t *testing.T, dir string) (*embedded.Cluster, *hangingDisk) {
	t.Helper()
	disk := &hangingDisk{}
	cluster := opened(t, dir, embedded.WithTopic("orders", 1), embedded.WithSyncFlush(),
		embedded.WithSyncFlushTimeout(100*time.Millisecond), embedded.WithFiles(disk.open))
	t.Cleanup(disk.goOn) // before the cluster is closed
	return cluster, disk
}

// A send that waits too long for the disk is answered with FLUSH_DISK_TIMEOUT and the place
// of its message, which is stored: a crash of the process does not take it away. Consumers
// get it when the disk has it. A send that does not want to wait is answered as ever.
func TestSyncFlushTimeout(t *testing.T) {
	dir := t.TempDir()
	cluster, disk := onHangingDisk(t, dir)
	c := dial(t, cluster, cluster.Broker(0).Addr())
	disk.hang()
	c.send(message("orders", with("UNIQ_KEY", "A")), []byte("a"))
	c.send(message("orders", with("UNIQ_KEY", "B", "WAIT", "false")), []byte("b"))
	c.send(message("orders", with("UNIQ_KEY", "C", "DELAY", "1")), []byte("c"))
	codes := make(map[string]headers.ResponseCode)
	for range 3 {
		answer := c.receive()
		codes[fields(answer)["transactionId"]] = headers.ResponseCode(answer.Code)
		require.Empty(t, string(answer.Remark))
		require.NotEmpty(t, fields(answer)["msgId"])
	}
	require.Equal(t, map[string]headers.ResponseCode{"A": headers.FlushDiskTimeout, "B": headers.Success, "C": headers.FlushDiskTimeout}, codes)
	n, err := cluster.Stored("orders")
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, []string{"a", "b", "c"}, bodiesOnDisk(t, dir), "the operating system has them")

	disk.goOn()
	_, err = cluster.AwaitMessages(t.Context(), "orders", 2)
	require.NoError(t, err)
	_, err = cluster.AwaitMessages(t.Context(), "SCHEDULE_TOPIC_XXXX", 1)
	require.NoError(t, err)
	cluster.Advance(2 * time.Second)
	_, err = cluster.AwaitMessages(t.Context(), "orders", 3)
	require.NoError(t, err, "what is delayed is delivered, though its send was answered early")
	deadline, code := time.Now().Add(patience), headers.FlushDiskTimeout
	for code != headers.Success { // a busy machine may take longer than the time-out now and then
		require.True(t, time.Now().Before(deadline), "the disk goes on, and so do sends")
		require.Equal(t, headers.FlushDiskTimeout, code)
		answer := c.call(message("orders"), []byte("d"))
		code = headers.ResponseCode(answer.Code)
	}
}

// A real broker answers in the same way: with the code, and the place of a message that is
// stored.
func TestRealBrokerSaysFlushDiskTimeout(t *testing.T) {
	realbroker.Require(t)
	cluster := realbroker.Start(t, realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{
		"flushDiskType": "SYNC_FLUSH", "syncFlushTimeout": "0",
	}})
	cluster.CreateTopic(t, "orders", 1)
	nc, err := net.Dial("tcp", cluster.Broker(0).Addr)
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	c := newClient(t, nc)
	for n := 1; ; n++ {
		require.Less(t, n, 1000, "no disk is that fast")
		answer := c.call(message("orders", with("UNIQ_KEY", fmt.Sprint("ID", n))), []byte("a"))
		if headers.ResponseCode(answer.Code) == headers.Success {
			continue // the disk was faster
		}
		require.Equal(t, headers.FlushDiskTimeout, headers.ResponseCode(answer.Code), "%s", answer.Remark)
		require.Empty(t, string(answer.Remark))
		require.NotEmpty(t, fields(answer)["msgId"])
		require.Equal(t, fmt.Sprint(n-1), fields(answer)["queueOffset"])
		require.Equal(t, fmt.Sprint("ID", n), fields(answer)["transactionId"])
		require.Len(t, cluster.Read(t, "orders", n), n)
		return
	}
}

// Who ends a transaction or sends a message back does not wait for ever either
// (EndTransactionProcessor and AbstractSendMessageProcessor.consumerSendMsgBack of 5.5.0).
func TestSyncFlushTimeoutOfOtherRequests(t *testing.T) {
	dir := t.TempDir()
	before := opened(t, dir, embedded.WithTopic("orders", 1)) // waits for no disk
	c := dial(t, before, before.Broker(0).Addr())
	id := fields(c.succeed(message("orders"), []byte("sent back")))["msgId"]
	half := message("orders", with("UNIQ_KEY", "HALF", "TRAN_MSG", "true", "PGROUP", "group"))
	half.SysFlag = headers.SysFlagPrepared
	end := prepare(c, before, half)
	require.NoError(t, before.Close())
	cluster, disk := onHangingDisk(t, dir)
	c = dial(t, cluster, cluster.Broker(0).Addr())
	disk.hang()
	back := c.call(&headers.ConsumerSendBack{ConsumerGroup: "billing", Offset: offsetIn(t, id), OriginTopic: "orders", DelayLevel: 1}, nil)
	require.EqualValues(t, headers.SystemError, back.Code)
	require.Equal(t, "FLUSH_DISK_TIMEOUT", string(back.Remark))
	c.succeed(end, nil)
	disk.goOn()
	_, err := cluster.AwaitMessages(t.Context(), "orders", 2)
	require.NoError(t, err)
	require.Zero(t, cluster.Broker(0).CheckTransactions())
	_, err = cluster.AwaitMessages(t.Context(), "SCHEDULE_TOPIC_XXXX", 1)
	require.NoError(t, err)
	cluster.Advance(2 * time.Second)
	_, err = cluster.AwaitMessages(t.Context(), "%RETRY%billing", 1)
	require.NoError(t, err)
}

// bodiesOnDisk are those of the records that the file of a log has.
func bodiesOnDisk(t *testing.T, dir string) (bodies []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "commitlog", "00000000000000000000"))
	require.NoError(t, err)
	for size := binary.BigEndian.Uint32(data); size > 0; size = binary.BigEndian.Uint32(data) {
		m, _, err := body.ParseStored(data[:size])
		require.NoError(t, err)
		bodies = append(bodies, string(m.Body))
		data = data[size:]
	}
	return bodies
}

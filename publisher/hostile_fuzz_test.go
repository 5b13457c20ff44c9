package publisher_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const hostileGroup = "hostile_group"

// What a fuzz input chooses of the publisher and its servers, one bit each.
const (
	hostileIsSilent = 1 << iota // a server whose script is over says nothing more
	hostileTransactions
	hostileCredentials
	hostileTrace
	hostileKeys
	hostileAsync
	hostileOneway
	hostileJSON
	hostileRequireDurable
	hostileShortTime
	hostileOneByOne
)

// FuzzHostileServers has a whole publisher talk to a name server and a broker that do
// what a script says. Whatever that is:
//   - nothing panics, and no goroutine is left;
//   - calls end within their time, and so does Close;
//   - no message counts as stored without an answer that says so, on the connection
//     that has carried the message, to the request that had it, or could have;
//   - memory is bounded by what the servers have sent, and so is the text of errors.
func FuzzHostileServers(f *testing.F) {
	args := []byte{3, 5, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	modes := []uint16{
		0, hostileIsSilent, hostileTransactions | hostileCredentials, hostileAsync | hostileTrace,
		hostileKeys | hostileIsSilent | hostileJSON, hostileOneway | hostileShortTime, hostileRequireDurable | hostileOneByOne,
	}
	for kind := range byte(hostileKinds) {
		mode := modes[int(kind)%len(modes)]
		f.Add([]byte(nil), append([]byte{hostileHonest, kind}, args...), mode, uint8(kind))
		f.Add([]byte(nil), append([]byte{hostileHonest, kind | 0x80}, args...), mode|hostileTransactions, uint8(3))
		f.Add(append([]byte{kind}, args...), []byte{hostileHonest, hostileHonest, kind, 1, 2, 3}, mode^hostileIsSilent, uint8(40))
	}
	for kind := range byte(10) {
		f.Add(append([]byte{hostileRoute, kind}, args...), []byte(nil), uint16(0), uint8(1))
	}
	f.Add([]byte(nil), []byte{hostileHonest, hostileRecallHandle, 255, hostileRecallHandle, 255, hostileRecallHandle, 255}, uint16(0), uint8(255))
	f.Add([]byte(nil), []byte{hostileHonest, hostileHeader, 40, '{', '"', 'f', 'l', 'a', 'g', '"', ':', '1', ',', '"', 'o', 'p', 'a', 'q', 'u', 'e', '"', ':', 'O', 'P', 'A', 'Q', 'U', 'E', '}'}, uint16(0), uint8(1))
	f.Fuzz(func(t *testing.T, nameServer, broker []byte, mode uint16, count uint8) {
		synctest.Test(t, func(t *testing.T) { publishToHostileServers(t, nameServer, broker, mode, int(count)) })
	})
}

func publishToHostileServers(t *testing.T, nameServer, broker []byte, mode uint16, count int) {
	has := func(bit uint16) bool { return mode&bit != 0 }
	before := allocated()
	n := newHostileNetwork(t, nameServer, broker, has(hostileIsSilent))
	defer n.close()

	var mu sync.Mutex
	var results []publisher.Result
	cfg := publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: []string{hostileNameServer}, Dial: n.Dial}, ProducerGroup: hostileGroup,
		SendTimeout: 3 * time.Second, CloseTimeout: 5 * time.Second, RequireDurable: has(hostileRequireDurable),
		OnResult: func(r publisher.Result) {
			mu.Lock()
			defer mu.Unlock()
			results = append(results, r)
		},
	}
	if has(hostileTransactions) {
		cfg.Transaction.Check = func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
			return []publisher.TransactionState{publisher.TransactionCommit, publisher.TransactionRollback, publisher.TransactionUnknown}[count%3]
		}
	}
	if has(hostileCredentials) {
		cfg.Cluster.Credentials = rocketmq.NewCredentials("user", "secret")
	}
	cfg.Trace.Enabled = has(hostileTrace)
	if has(hostileKeys) && !has(hostileTransactions) {
		cfg.OrderingKey = func(_ string, msg *message.Message) (string, error) { return msg.UUID[:1], nil }
	}
	if has(hostileJSON) {
		cfg.Cluster.Headers = rocketmq.JSONHeaders
	}
	if has(hostileShortTime) {
		cfg.SendTimeout, cfg.AttemptTimeout = time.Second, 200*time.Millisecond
	}
	if has(hostileOneByOne) {
		cfg.Batch.MaxMessages = 1
	}
	p, err := publisher.New(cfg, nil)
	require.NoError(t, err)

	// A little more than SendTimeout: a timer may fire for a deadline of its own.
	most := cfg.SendTimeout + 20*time.Millisecond
	takesAtMost(t, most, "Publish", func() { requireHostileError(t, p.Publish(orders, newMessages(1+count)...)) })
	if has(hostileOneway) {
		takesAtMost(t, most, "PublishOneway", func() { requireHostileError(t, p.PublishOneway(orders, newMessages(2)...)) })
	}
	if has(hostileAsync) {
		takesAtMost(t, most, "PublishAsync and Flush", func() {
			requireHostileError(t, p.PublishAsync(orders, newMessages(3)...))
			require.NoError(t, p.Flush(t.Context()))
		})
	}
	if has(hostileTransactions) {
		takesAtMost(t, 2*most, "a transaction", func() {
			tx, err := p.BeginTransaction(orders, newMessage("half"))
			requireHostileError(t, err)
			if err == nil && tx.Commit(t.Context()) != nil {
				tx.Unknown()
			}
		})
	}
	takesAtMost(t, cfg.CloseTimeout+2*time.Second, "Close", func() { _ = p.Close() })

	synctest.Wait() // servers note what they have sent

	n.mu.Lock()
	sent := n.sent
	n.mu.Unlock()
	// What the publisher has by itself, and the test, with room for copies.
	if got, limit := allocated()-before, uint64(16<<20+32*sent); got > limit {
		t.Errorf("%d bytes allocated for %d that the servers sent, want at most %d", got, sent, limit)
	}
	for _, r := range results {
		if r.Outcome == publisher.Stored && !n.confirmed(r.MessageID) {
			t.Errorf("message %s is stored, says %+v, and no broker has said so", r.MessageID, r)
		}
	}
}

// takesAtMost runs a step that has to end in its time.
func takesAtMost(t *testing.T, most time.Duration, what string, step func()) {
	t.Helper()
	elapsed := stopwatch()
	step()
	if took := elapsed(); took > most {
		t.Errorf("%s has taken %v, want at most %v", what, took, most)
	}
}

func requireHostileError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var failed *publisher.Error
	if !errors.As(err, &failed) {
		t.Errorf("want a *publisher.Error, got %T: %v", err, err)
	}
	if size := len(err.Error()); size > 64<<10 {
		t.Errorf("an error of %d bytes", size)
	}
}

// allocated is how many bytes the process has ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

package publisher

import (
	"context"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Brokers send checks one-way. One that wants an answer is not looked at: this one could
// not even be read.
func TestCheckThatWantsAnAnswer(t *testing.T) {
	logs := watermill.NewCaptureLogger()
	p := &Publisher{logger: logs}
	p.cfg.Transaction.Check = func(context.Context, CheckedMessage) TransactionState { return TransactionUnknown }
	newCheckbacks(p).request(&transport.PeerRequest{Command: headers.Command{Code: int32(headers.CodeCheckTransactionState)}})
	require.Empty(t, logs.Captured())
}

// Checks that wait are bounded by their bytes as well as by their number.
func TestWaitingChecksAreBounded(t *testing.T) {
	c := newCheckbacks(&Publisher{})
	frame := make([]byte, 16<<20)
	addHalf := func(id string, born int64, size int) bool {
		return c.add(&question{id: id, key: id, half: halfIdentity{born: born}, body: frame[:size]})
	}
	add := func(id string, size int) bool { return addHalf(id, 0, size) }
	for i := range 4 {
		require.True(t, addHalf(fmt.Sprint(i/2), int64(i%2), len(frame)), "two transactions with two half messages each")
	}
	require.False(t, addHalf("0", 2, 1))
	require.False(t, add("one more", 1))
	require.True(t, addHalf("0", 1, len(frame)), "it takes the place of the one that it repeats")
	require.Len(t, c.byKey["0"].waiting, 2)

	answer := func(q *inquiry) {
		for c.next(q) != nil {
		}
	}
	answer(c.waiting[0])
	require.True(t, add("one more", 1000))
	require.Less(t, cap(c.byKey["one more"].waiting[0].body), 2000, "the frame is not kept")
	for n := range maxWaitingCheckbacks - 3 {
		require.True(t, add(fmt.Sprint("small ", n), 1))
	}
	require.False(t, add("small", 1))
	for _, q := range c.waiting[1:] {
		answer(q)
	}
	require.Zero(t, c.bytes)
	require.Zero(t, c.count)
	require.Empty(t, c.byKey)
}

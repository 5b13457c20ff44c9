package dispatch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Lanes that are poured together have their messages in the order in which these were handed
// over, whichever of them comes first.
func TestKeysMoveInTheOrderOfCalls(t *testing.T) {
	acc := newAccumulator(newEngine(t, &fake{}), "orders")
	var want []*Message
	lanes := []*lane{{acc: acc, keyed: true}, {acc: acc, keyed: true}, {acc: acc, keyed: true}}
	acc.keyed = make(map[routing.MessageQueue]*lane)
	for i, l := range lanes {
		acc.keyed[routing.MessageQueue{QueueID: int32(i)}] = l
	}
	for number := range 5 {
		c := newCall(acc.engine, 7, func(_ int, m *Message) { m.Keyed = true })
		c.number = uint64(number)
		for i := range c.messages {
			lanes[i%len(lanes)].row.push(&c.messages[i])
			want = append(want, &c.messages[i])
		}
	}
	want[3].state, acc.takenBack = done, 1
	require.Equal(t, append(want[:3:3], want[4:]...), acc.keyedInOrder())
	require.Zero(t, acc.takenBack)
	for _, l := range lanes {
		require.Zero(t, l.row.len())
	}
}

// A call is taken for stored as a whole only where all of its messages are in the batch and
// none of another call is between them.
func TestWholeCall(t *testing.T) {
	e := newEngine(t, &fake{})
	plain := func(int, *Message) {}
	a, b := newCall(e, 3, plain), newCall(e, 1, plain)
	of := func(indexes ...int) []*Message { // those of a, and b's for -1
		var list []*Message
		for _, i := range indexes {
			if i < 0 {
				list = append(list, &b.messages[0])
			} else {
				list = append(list, &a.messages[i])
			}
		}
		return list
	}
	whole := func(indexes ...int) int { return (&batch{messages: of(indexes...)}).wholeCall(0) }
	require.Equal(t, 3, whole(0, 1, 2, -1))
	require.Equal(t, 1, whole(-1, 0, 1, 2))
	require.Zero(t, whole(0, -1, 2), "one of another call between")
	require.Zero(t, whole(0, 1, -1))
	require.Zero(t, whole(0, 1))
	require.Equal(t, 3, whole(0, 2, 1), "in another order")
}

// A call whose count of messages were wrong would not keep the accumulator from the others
// for ever.
func TestExpiryGoesOn(t *testing.T) {
	acc := newAccumulator(newEngine(t, &fake{}), "orders")
	c := newCall(acc.engine, 1, func(int, *Message) {})
	c.Began -= acc.engine.cfg.SendTimeout
	c.acc, c.messages[0].state = acc, done
	acc.expiry.calls.Add(&c.link)
	acc.expire()
	require.Nil(t, acc.expiry.first())
	acc.expiry.calls.Add(&c.link)
	acc.cutOff()
	require.Nil(t, acc.expiry.first())
}

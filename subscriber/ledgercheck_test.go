package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// The ledger finds what it is there for.
func TestLedger(t *testing.T) {
	start := time.Now()
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	for name, tc := range map[string]struct {
		entries  []entry
		troubles []*trouble
		want     verdict
	}{
		"in order": {
			[]entry{
				{ID: 1, What: delivered, At: at(1), UUID: "a"},
				{ID: 1, What: acked, At: at(2)},
				{ID: 2, What: delivered, At: at(3), UUID: "b"},
				{ID: 2, What: acked, At: at(4)},
			},
			nil,
			verdict{stored: 2, delivered: 2, again: map[string]int{}},
		},
		"lost, and not known": {
			[]entry{
				{ID: 1, What: delivered, At: at(1), UUID: "b"},
				{ID: 2, What: delivered, At: at(3), UUID: "z"},
				{ID: 2, What: acked, At: at(4)},
			},
			nil,
			verdict{stored: 2, delivered: 2, lost: 2, unknown: 1, again: map[string]int{}},
		},
		"order broken": {
			[]entry{
				{ID: 1, What: delivered, At: at(1), UUID: "b"},
				{ID: 1, What: acked, At: at(2)},
				{ID: 2, What: delivered, At: at(3), UUID: "a"},
				{ID: 2, What: acked, At: at(4)},
			},
			nil,
			verdict{stored: 2, delivered: 2, breaks: make([]string, 1), again: map[string]int{}},
		},
		"again for no reason, and in order all the same": {
			[]entry{
				{ID: 1, What: delivered, At: at(1), UUID: "a"},
				{ID: 1, What: acked, At: at(2)},
				{ID: 2, What: delivered, At: at(3), UUID: "b"},
				{ID: 2, What: acked, At: at(4)},
				{ID: 3, What: delivered, At: at(5), UUID: "a"},
				{ID: 3, What: acked, At: at(6)},
			},
			nil,
			verdict{stored: 2, delivered: 3, again: map[string]int{unexplained: 1}, oddities: make([]string, 1)},
		},
		"again while another has it": {
			[]entry{
				{ID: 1, What: delivered, At: at(1), UUID: "a"},
				{ID: 2, What: delivered, At: at(2), UUID: "a"},
				{ID: 2, What: acked, At: at(3)},
				{ID: 3, What: delivered, At: at(4), UUID: "b"},
				{ID: 3, What: acked, At: at(4)},
			},
			nil,
			verdict{stored: 2, delivered: 3, again: map[string]int{unexplained: 1}, oddities: make([]string, 1)},
		},
		"again for reasons": {
			[]entry{
				{Member: "m", ID: 1, What: delivered, At: at(1), UUID: "a"}, // not acked at the fault
				{Member: "m", ID: 2, What: delivered, At: at(5), UUID: "b"},
				{Member: "m", ID: 2, What: acked, At: at(8)},
				{Member: "n", ID: 1, What: delivered, At: at(13), UUID: "a"}, // taken away
				{Member: "n", ID: 1, What: takenAway, At: at(14), Cause: "cause"},
				{Member: "n", ID: 1, What: acked, At: at(15)},
				{Member: "n", ID: 2, What: delivered, At: at(15), UUID: "b"},
				{Member: "n", ID: 2, What: acked, At: at(41)},
				{Member: "n", ID: 3, What: delivered, At: at(16), UUID: "a"},
				{Member: "n", ID: 3, What: acked, At: at(17)},
				{Member: "n", ID: 4, What: delivered, At: at(40), UUID: "b"}, // lease over
				{Member: "n", ID: 4, What: acked, At: at(41)},
			},
			[]*trouble{{name: "fault", member: "m", begun: at(10), ended: at(12), doubt: 5 * time.Second}},
			verdict{stored: 2, delivered: 6, again: map[string]int{notAcked: 1, ackInDoubt: 1, wasTaken + ": cause": 1, leaseOver: 1}},
		},
		"again too soon for a lost ack": {
			[]entry{
				{ID: 1, What: delivered, At: at(1), UUID: "a", Number: 1},
				{ID: 1, What: acked, At: at(2)},
				{ID: 2, What: delivered, At: at(3), UUID: "b", Number: 1},
				{ID: 2, What: acked, At: at(4)},
				{ID: 3, What: delivered, At: at(5), UUID: "a", Number: 2},
				{ID: 3, What: acked, At: at(6)},
				{ID: 4, What: delivered, At: at(14), UUID: "b", Number: 2},
				{ID: 4, What: acked, At: at(15)},
			},
			nil,
			verdict{stored: 2, delivered: 4, again: map[string]int{earlier: 1, unexplained: 1}, oddities: make([]string, 1)},
		},
		"handed out after standing still": {
			[]entry{
				{Member: "n", ID: 1, What: delivered, At: at(11), UUID: "a"},
				{Member: "n", ID: 1, What: acked, At: at(12)},
				{Member: "n", ID: 2, What: delivered, At: at(13), UUID: "b"},
				{Member: "n", ID: 2, What: acked, At: at(14)},
				{Member: "m", ID: 1, What: delivered, At: at(19), UUID: "a"},
				{Member: "m", ID: 1, What: takenAway, At: at(19.01), Cause: subscriber.ErrLeaseLost.Error()},
				{Member: "m", ID: 1, What: acked, At: at(19.02)},
			},
			[]*trouble{{name: "frozen", member: "m", begun: at(10), ended: at(20)}},
			verdict{stored: 2, delivered: 3, again: map[string]int{tooLate: 1}},
		},
		"acked too long before the fault": {
			[]entry{
				{ID: 1, What: delivered, At: at(1), UUID: "a"},
				{ID: 1, What: acked, At: at(2)},
				{ID: 2, What: delivered, At: at(3), UUID: "b"},
				{ID: 2, What: acked, At: at(4)},
				{ID: 3, What: delivered, At: at(11), UUID: "a"},
				{ID: 3, What: acked, At: at(12)},
			},
			[]*trouble{{begun: at(10), doubt: 5 * time.Second}},
			verdict{stored: 2, delivered: 3, again: map[string]int{unexplained: 1}, oddities: make([]string, 1)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger(20 * time.Second)
			l.troubles = tc.troubles
			for i, uuid := range []string{"a", "b"} {
				l.expect(uuid, "key", i)
				l.stored(uuid, false)
			}
			for _, e := range tc.entries {
				l.note(e)
			}
			v := l.verdict()
			require.Len(t, v.breaks, len(tc.want.breaks))
			require.Len(t, v.oddities, len(tc.want.oddities))
			require.Len(t, v.missing, tc.want.lost)
			v.breaks, v.oddities, v.missing = tc.want.breaks, tc.want.oddities, nil
			require.Equal(t, tc.want, v)
		})
	}
}

// What comes again after its lease is explained where the machine was too busy for its ack to
// come in time, and not elsewhere.
func TestLedgerOfLateAcks(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(0, 0).Add(time.Duration(s * float64(time.Second))) }
	for _, tc := range []struct {
		slack time.Duration
		again float64
		want  string
	}{
		{20 * time.Second, 31, lateAck},
		{time.Second, 31, unexplained},
		{20 * time.Second, 15, unexplained}, // too soon
	} {
		l := newLedger(30 * time.Second)
		l.slack = tc.slack
		l.expect("a", "key", 0)
		l.stored("a", false)
		for _, e := range []entry{
			{Member: "m", ID: 1, What: delivered, At: at(1), UUID: "a"},
			{Member: "m", ID: 1, What: acked, At: at(2)},
			{Member: "n", ID: 1, What: delivered, At: at(tc.again), UUID: "a"},
			{Member: "n", ID: 1, What: acked, At: at(tc.again + 1)},
		} {
			l.note(e)
		}
		require.Equal(t, map[string]int{tc.want: 1}, l.verdict().again)
	}
}

// What the next owner of a queue gets again is explained where the machine was too busy to
// commit it before, and not elsewhere.
func TestLedgerOfLateCommits(t *testing.T) {
	at := func(s float64) time.Time { return time.Unix(0, 0).Add(time.Duration(s * float64(time.Second))) }
	for slack, want := range map[time.Duration]string{time.Second: lateCommit, 100 * time.Millisecond: unexplained} {
		l := newLedger(0)
		l.slack = slack
		l.expect("a", "key", 0)
		l.stored("a", false)
		for _, e := range []entry{
			{Member: "m", ID: 1, What: delivered, At: at(1), UUID: "a"},
			{Member: "m", ID: 1, What: acked, At: at(2)},
			{Member: "n", ID: 1, What: delivered, At: at(3), UUID: "a"},
			{Member: "n", ID: 1, What: acked, At: at(4)},
		} {
			l.note(e)
		}
		require.Equal(t, map[string]int{want: 1}, l.verdict().again)
	}
}

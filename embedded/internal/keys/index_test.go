package keys

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/memlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// record makes one that is to lie at an offset.
func record(t testing.TB, offset int64, change func(m *body.StoredMessage)) []byte {
	t.Helper()
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	m := body.StoredMessage{Topic: "orders", BornHost: host, StoreHost: host}
	change(&m)
	raw, err := body.AppendStored(nil, &m)
	require.NoError(t, err)
	require.NoError(t, body.SetPlace(raw, body.Place{CommitLogOffset: offset, StoreTimestamp: m.StoreTimestamp}))
	return raw
}

// reader returns what a log has at an offset.
func reader(l *memlog.Log) func(int64) (body.StoredMessage, []byte, bool) {
	return func(offset int64) (body.StoredMessage, []byte, bool) {
		head := l.View(offset, 4)
		if head == nil {
			return body.StoredMessage{}, nil, false
		}
		raw, _ := l.Run(offset)
		m, rest, err := body.ParseStored(raw)
		return m, raw[:len(raw)-len(rest)], err == nil
	}
}

// Whatever has come and gone, all messages of a key that are there are found, and no others.
func TestFind(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 4))
	log := memlog.New(3 << 20)
	x := NewIndex(true)
	type stored struct {
		topic, key string
		offset, at int64
	}
	var all []stored
	at := int64(1000)
	for round := range 40 {
		for range dice.IntN(1200) {
			s := stored{fmt.Sprint("topic", dice.IntN(3)), fmt.Sprint("key", dice.IntN(50)), log.End(), at}
			at += dice.Int64N(3)
			raw := record(t, log.End(), func(m *body.StoredMessage) {
				m.Topic, m.StoreTimestamp = s.topic, s.at
				m.Properties = headers.AppendProperty(nil, headers.PropertyKeys, s.key)
				if dice.IntN(20) == 0 {
					m.SysFlag |= headers.SysFlagRollback
					s.key = "" // nobody finds it
				}
				m.Body = make([]byte, dice.IntN(200))
			})
			log.Append(raw)
			all = append(all, s)
		}
		for range 20 {
			q := Query{Topic: fmt.Sprint("topic", dice.IntN(4)), Key: fmt.Sprint("key", dice.IntN(51)), Begin: dice.Int64N(at), End: dice.Int64N(at + 100), Most: dice.IntN(64)}
			var want []int64
			for _, s := range all {
				if s.topic == q.Topic && s.key == q.Key && s.offset >= log.First() && s.at >= q.Begin && s.at <= q.End {
					want = append(want, s.offset)
				}
			}
			want = want[max(0, len(want)-q.Most):]
			raws, last := x.Find(log, q, reader(log))
			var got []int64
			for _, raw := range raws {
				got = append(got, body.LogOffsetOf(raw))
			}
			require.Equal(t, len(want), len(got), "round %d, %+v", round, q)
			if len(want) > 0 {
				require.Equal(t, want, got)
			}
			require.LessOrEqual(t, last.Offset, log.End())
		}
	}
	require.Positive(t, log.First(), "the log was meant to drop messages")
	table := <-x.turn
	require.GreaterOrEqual(t, len(table.blocks), 3)
	require.GreaterOrEqual(t, table.blocks[0].last, log.First(), "what the log has dropped goes")
}

// Two keys of one hash are told apart: Java's hashes of Aa and BB are equal.
func TestFindTellsHashesApart(t *testing.T) {
	log := memlog.New(0)
	for _, key := range []string{"Aa", "BB", "Aa"} {
		log.Append(record(t, log.End(), func(m *body.StoredMessage) {
			m.Properties = headers.AppendProperty(nil, headers.PropertyUniqueKey, key)
		}))
	}
	require.Equal(t, Hash("orders", "Aa"), Hash("orders", "BB"))
	q := Query{Topic: "orders", Key: "BB", End: math.MaxInt64, Most: 10}
	raws, last := NewIndex(false).Find(log, q, reader(log))
	require.Len(t, raws, 1)
	require.Greater(t, last.Offset, body.LogOffsetOf(raws[0]))
}

// longLog has one record after the other, far from each other.
type longLog struct {
	raw  []byte
	step int64
	end  int64
}

func (l *longLog) First() int64 { return 0 }

func (l *longLog) Run(from int64) ([]byte, int64) {
	from = (from + l.step - 1) / l.step * l.step
	if from >= l.end {
		return nil, from
	}
	return l.raw, from
}

// A log may be longer than the distance that an entry can say.
func TestFindInALongLog(t *testing.T) {
	log := &longLog{step: 1 << 30, end: 20 << 30, raw: record(t, 0, func(m *body.StoredMessage) {
		m.Properties = headers.AppendProperty(nil, headers.PropertyKeys, "red")
	})}
	offsets, _ := NewIndex(false).find(log, "orders", "red")
	slices.Reverse(offsets)
	require.Len(t, offsets, 20)
	for i, offset := range offsets {
		require.EqualValues(t, i<<30, offset)
	}
}

// An index takes 8 bytes for a key, and little besides.
func TestIndexMemory(t *testing.T) {
	const n = 100_000
	log := memlog.New(0)
	for i := range n {
		log.Append(record(t, log.End(), func(m *body.StoredMessage) {
			m.Properties = headers.AppendProperty(nil, headers.PropertyUniqueKey, fmt.Sprint(i))
		}))
	}
	before := heap()
	x := NewIndex(false)
	_, last := x.find(log, "orders", "none")
	perKey := float64(heap()-before) / n
	require.Less(t, perKey, 10.0)
	require.Positive(t, last.Offset)
	runtime.KeepAlive(x)
	runtime.KeepAlive(log)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

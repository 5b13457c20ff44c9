package delays

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// delivered notes what lines deliver.
type delivered struct {
	mu    sync.Mutex
	list  []string
	fails map[string]bool // what cannot be delivered
}

func (d *delivered) deliver(raws [][]byte) (undone []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, raw := range raws {
		if d.fails[string(raw)] {
			undone = append(undone, i)
			continue
		}
		d.list = append(d.list, string(raw))
	}
	return undone
}

func (d *delivered) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.list
}

func TestLineKeepsItsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const messages = 3 * deliveredAtOnce / 2
		var lines Lines
		var d delivered
		var want []string
		due := time.Now().Add(time.Second)
		for i := range messages {
			want = append(want, strconv.Itoa(i))
		}
		for _, i := range rand.Perm(messages) {
			l := lines.Join(1, int64(i), due, []byte(want[i]))
			time.AfterFunc(time.Second, func() { l.Deliver(time.Now(), d.deliver) })
		}
		require.Len(t, lines.All(), 1)
		lines.All()[0].Deliver(time.Now(), d.deliver)
		require.Empty(t, d.all())
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, want, d.all())
		require.Empty(t, lines.All())
	})
}

func TestLineStopsAtWhatIsNotDue(t *testing.T) {
	var lines Lines
	var d delivered
	now := time.Now()
	l := lines.Join(1, 0, now.Add(time.Second), []byte("later"))
	require.Same(t, l, lines.Join(1, 1, now, []byte("behind it")))
	l.Deliver(now, d.deliver)
	require.Empty(t, d.all())
	l.Deliver(now.Add(time.Second), d.deliver)
	require.Equal(t, []string{"later", "behind it"}, d.all())
}

// What cannot be delivered goes on waiting, and nothing that is behind it is delivered by a
// later call before it.
func TestLineKeepsWhatIsNotDelivered(t *testing.T) {
	var lines Lines
	d := delivered{fails: map[string]bool{"1": true, "2": true}}
	now := time.Now()
	var l *Line
	for i := range 4 {
		l = lines.Join(2, int64(i), now, []byte(strconv.Itoa(i)))
	}
	again, ready := l.Deliver(now, d.deliver)
	require.Equal(t, now.Add(retryAfter), again)
	require.Equal(t, []string{"0", "3"}, d.all())
	require.Equal(t, []*Line{l}, lines.All())
	lines.Join(2, 4, now, []byte("4"))
	d.fails = nil
	ready()
	_, ready = l.Deliver(again, d.deliver)
	require.Nil(t, ready)
	require.Equal(t, []string{"0", "3", "1", "2", "4"}, d.all())
}

// As long as nothing can be stored one call a second tries it, however many messages are due,
// each of which has an alarm.
func TestLineIsTriedOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines Lines
		var tries atomic.Int64
		var works atomic.Bool
		deliver := func(raws [][]byte) (undone []int) {
			tries.Add(1)
			for i := range raws {
				if works.Load() {
					break
				}
				undone = append(undone, i)
			}
			return undone
		}
		var alarm func(l *Line)
		alarm = func(l *Line) {
			if again, ready := l.Deliver(time.Now(), deliver); ready != nil {
				time.AfterFunc(time.Until(again), func() { ready(); alarm(l) })
			}
		}
		due := time.Now().Add(time.Second)
		for i := range 3 * deliveredAtOnce {
			l := lines.Join(1, int64(i), due, nil)
			time.AfterFunc(time.Second, func() { alarm(l) })
		}
		time.Sleep(10*time.Second + retryAfter/2)
		synctest.Wait()
		require.EqualValues(t, 10, tries.Load())
		works.Store(true)
		time.Sleep(retryAfter)
		synctest.Wait()
		require.Empty(t, lines.All())
	})
}

// An alarm that comes before its time, since the clock was set back meanwhile, is put off to
// the time; one is enough for a line.
func TestLineWhoseClockWasSetBack(t *testing.T) {
	var lines Lines
	var d delivered
	due := time.Now()
	l := lines.Join(0, 0, due, []byte("late"))
	again, ready := l.Deliver(due.Add(-time.Minute), d.deliver)
	require.Equal(t, due, again)
	_, another := l.Deliver(due.Add(-time.Minute), d.deliver)
	require.Nil(t, another)
	ready()
	again, ready = l.Deliver(due.Add(-time.Second), d.deliver)
	require.Equal(t, due, again)
	ready()
	_, ready = l.Deliver(due, d.deliver)
	require.Nil(t, ready)
	require.Equal(t, []string{"late"}, d.all())
	require.Empty(t, lines.All())
}

// Nobody is left behind whose alarm came too early beside that of another.
func TestLineWhoseClockWasSetBackForSeveral(t *testing.T) {
	var lines Lines
	var d delivered
	due := time.Now()
	later := due.Add(10 * time.Second)
	l := lines.Join(5, 0, due, []byte("first"))
	lines.Join(5, 1, later, []byte("second"))
	again, ready := l.Deliver(due.Add(-time.Minute), d.deliver)
	require.Equal(t, due, again)
	_, another := l.Deliver(due.Add(-time.Minute), d.deliver) // the alarm of the second
	require.Nil(t, another)
	ready()
	again, ready = l.Deliver(due, d.deliver)
	require.Equal(t, later, again)
	require.Equal(t, []string{"first"}, d.all())
	ready()
	_, ready = l.Deliver(later, d.deliver)
	require.Nil(t, ready)
	require.Equal(t, []string{"first", "second"}, d.all())
	require.Empty(t, lines.All())
}

// Timers that are due at different times do not wait for each other.
func TestTimersHaveALineForEachTime(t *testing.T) {
	var lines Lines
	var d delivered
	now := time.Now()
	late := lines.Join(0, 0, now.Add(time.Hour), []byte("late"))
	soon := lines.Join(0, 1, now, []byte("soon"))
	require.NotSame(t, late, soon)
	_, ready := soon.Deliver(now, d.deliver)
	require.Nil(t, ready)
	require.Equal(t, []string{"soon"}, d.all())
	require.Equal(t, []*Line{late}, lines.All())
}

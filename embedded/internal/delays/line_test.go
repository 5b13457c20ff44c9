package delays

import (
	"math/rand/v2"
	"strconv"
	"sync"
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
		require.True(t, lines.All()[0].Deliver(time.Now(), d.deliver))
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
	require.False(t, l.Deliver(now, d.deliver))
	require.Equal(t, []string{"0", "3"}, d.all())
	require.Equal(t, []*Line{l}, lines.All())
	lines.Join(2, 4, now, []byte("4"))
	d.fails = nil
	require.True(t, l.Deliver(now, d.deliver))
	require.Equal(t, []string{"0", "3", "1", "2", "4"}, d.all())
}

// Timers that are due at different times do not wait for each other.
func TestTimersHaveALineForEachTime(t *testing.T) {
	var lines Lines
	var d delivered
	now := time.Now()
	late := lines.Join(0, 0, now.Add(time.Hour), []byte("late"))
	soon := lines.Join(0, 1, now, []byte("soon"))
	require.NotSame(t, late, soon)
	require.True(t, soon.Deliver(now, d.deliver))
	require.Equal(t, []string{"soon"}, d.all())
	require.Equal(t, []*Line{late}, lines.All())
}

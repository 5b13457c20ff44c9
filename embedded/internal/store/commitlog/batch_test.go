package commitlog

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// hangingFile has each sync wait for what comes out of a channel.
type hangingFile struct {
	File
	results chan error
}

func (f hangingFile) SyncData() error { return <-f.results }

// told notes what Then says, and when.
type told struct {
	begun time.Time
	notes []string
}

func (n *told) wait(b *Batch, patience time.Duration) {
	n.begun = time.Now()
	note := func(what string) { n.notes = append(n.notes, what+" after "+time.Since(n.begun).String()) }
	b.Then(patience, func() { note("early") }, func(err error) {
		if err != nil {
			note("lost")
			return
		}
		note("stored")
	})
}

// While the disk hangs, records are written as before, those whose patience is over are told,
// and all learn in the end what became of theirs.
func TestPatience(t *testing.T) {
	for _, failure := range []error{nil, errors.New("the disk is broken")} {
		synctest.Test(t, func(t *testing.T) {
			results := make(chan error)
			cfg := config(t)
			cfg.Open = func(path string, create bool) (File, error) {
				f, err := OpenFile(path, create)
				return hangingFile{f, results}, err
			}
			var lost []int64
			cfg.Lost = func(from int64) { lost = append(lost, from) }
			l, _, err := Open(cfg, func(Record) {})
			require.NoError(t, err)
			put := func(name string, size int) *Batch {
				raw := stored(t, name, size)
				b, err := l.Append([][]byte{raw}, settle(t, raw))
				require.NoError(t, err)
				l.Go()
				return b
			}
			var first, second, hasty told
			one := put("1", 100)
			first.wait(one, 5*time.Second)
			synctest.Wait()
			time.Sleep(2*time.Second + 10*time.Millisecond)
			two := put("2", small-500) // it needs the next file
			second.wait(two, 5*time.Second)
			hasty.wait(put("3", 100), 0)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			require.Equal(t, []string{"early after 5s"}, first.notes)
			require.Equal(t, []string{"early after 5.04s"}, second.notes)
			require.Equal(t, []string{"early after 40ms"}, hasty.notes)
			require.Zero(t, l.End(), "nothing can be read that is not on the disk")
			results <- failure
			synctest.Wait()
			if failure != nil {
				require.Equal(t, []string{"early after 5s", "lost after 12.01s"}, first.notes)
				require.Equal(t, []string{"early after 5.04s", "lost after 10s"}, second.notes)
				require.Equal(t, []int64{0}, lost)
				require.ErrorIs(t, two.Wait(), failure)
				again := put("4", 10) // at the place of the first one
				go func() { results <- nil }()
				require.NoError(t, again.Wait())
			} else {
				require.Equal(t, []string{"early after 5s", "stored after 12.01s"}, first.notes)
				require.Len(t, second.notes, 1, "its own sync is still to come")
				results <- nil
				results <- nil // the other file
				require.NoError(t, two.Wait())
				var late told
				late.wait(two, 0)
				require.Equal(t, []string{"stored after 0s"}, late.notes)
			}
			close(results)
			require.NoError(t, l.Close())
			cfg.Open = nil
			l, r, names := reopened(t, cfg)
			require.Empty(t, r.Dropped)
			if failure != nil {
				require.Equal(t, []string{"4"}, names)
			} else {
				require.Equal(t, []string{"1", "2", "3"}, names)
			}
			require.NoError(t, l.Close())
		})
	}
}

// A disk that hangs in the sync after another one is noticed as well: records that were
// written while it was busy have a sync of their own.
func TestPatienceInTheNextSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results := make(chan error)
		cfg := config(t)
		cfg.Open = func(path string, create bool) (File, error) {
			f, err := OpenFile(path, create)
			return hangingFile{f, results}, err
		}
		l, _, err := Open(cfg, func(Record) {})
		require.NoError(t, err)
		put := func(name string) *Batch {
			raw := stored(t, name, 100)
			b, err := l.Append([][]byte{raw}, settle(t, raw))
			require.NoError(t, err)
			l.Go()
			return b
		}
		first := put("1")
		synctest.Wait()
		second := put("2")
		time.Sleep(2 * lookEvery) // it is written, and not synced
		results <- nil
		require.NoError(t, first.Wait())
		var two, three told
		two.wait(second, time.Second)
		three.wait(put("3"), time.Second)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Len(t, two.notes, 1)
		require.Len(t, three.notes, 1)
		require.Contains(t, two.notes[0], "early")
		require.Contains(t, three.notes[0], "early")
		close(results)
		require.NoError(t, l.Close())
	})
}

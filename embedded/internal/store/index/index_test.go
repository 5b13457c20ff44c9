package index

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/keys"
)

// lookup finds the offsets of a key in a file, the newest first, as IndexFile.selectPhyOffset
// does.
func lookup(t *testing.T, data []byte, slots int, key int32) (offsets []int64) {
	t.Helper()
	slotAt := headerSize + slotSize*(int(key)%slots)
	for n := binary.BigEndian.Uint32(data[slotAt:]); n != 0; {
		at := headerSize + slotSize*slots + entrySize*int(n)
		if int32(binary.BigEndian.Uint32(data[at:])) == key {
			offsets = append(offsets, int64(binary.BigEndian.Uint64(data[at+4:])))
		}
		before := binary.BigEndian.Uint32(data[at+16:])
		require.Less(t, before, n)
		n = before
	}
	return offsets
}

func TestWrite(t *testing.T) {
	cfg := Config{Dir: filepath.Join(t.TempDir(), "index"), Slots: 7, Entries: 10}
	var all []Entry
	for i := range 25 {
		all = append(all, Entry{Hash: keys.Hash("orders", fmt.Sprint("key-", i%4)), Offset: int64(1000 * i), StoreTimestamp: 5_000_000 + int64(i)*700})
	}
	now := time.Date(2026, 11, 30, 1, 2, 3, 998e6, time.Local)
	full, err := Write(cfg, now, slices.Values(all))
	require.NoError(t, err)
	require.Equal(t, all[17].StoreTimestamp, full)
	entries, err := os.ReadDir(cfg.Dir)
	require.NoError(t, err)
	var names []string
	found := make(map[int32][]int64)
	for i, e := range entries {
		names = append(names, e.Name())
		data, err := os.ReadFile(filepath.Join(cfg.Dir, e.Name()))
		require.NoError(t, err)
		require.Len(t, data, headerSize+slotSize*7+entrySize*10)
		mine := all[9*i : min(9*i+9, len(all))]
		used := make(map[int32]bool)
		for _, one := range mine {
			used[one.Hash%7] = true
		}
		last := mine[len(mine)-1]
		require.Equal(t, header{mine[0].StoreTimestamp, last.StoreTimestamp, mine[0].Offset, last.Offset, int32(len(used)), int32(len(mine) + 1)}.encode(), data[:headerSize])
		for k := range 4 {
			key := keys.Hash("orders", fmt.Sprint("key-", k))
			found[key] = append(lookup(t, data, 7, key), found[key]...)
		}
		second := headerSize + slotSize*7 + entrySize*2
		require.Zero(t, binary.BigEndian.Uint32(data[second+12:]), "0.7 s are no second yet")
		require.EqualValues(t, 1, binary.BigEndian.Uint32(data[second+entrySize+12:]))
	}
	require.Equal(t, []string{"20261130010203998", "20261130010203999", "20261130010204000"}, names)
	for k := range 4 {
		var want []int64
		for i := range all {
			if i%4 == k {
				want = append([]int64{all[i].Offset}, want...)
			}
		}
		require.Equal(t, want, found[keys.Hash("orders", fmt.Sprint("key-", k))])
	}
	_, err = Write(Config{Dir: cfg.Dir}, now, slices.Values(all))
	require.Error(t, err)
	full, err = Write(Config{Dir: filepath.Join(cfg.Dir, "none"), Slots: 1, Entries: 2}, now, slices.Values([]Entry(nil)))
	require.NoError(t, err)
	require.Zero(t, full)
}

// A file that cannot be given its length is an error.
func TestWriteWithoutRoom(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Slots: 1, Entries: 1 << 59} // of more bytes than there are numbers
	_, err := Write(cfg, time.Now(), slices.Values([]Entry{{Hash: 1}}))
	require.Error(t, err)
}

package consumequeue

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// units reads all files of a queue, as RocketMQ lays them out.
func units(t *testing.T, dir string, fileSize int64) (first int64, list []Unit) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for i, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		require.Len(t, data, int(fileSize))
		if i == 0 {
			for _, c := range e.Name() {
				first = 10*first + int64(c-'0')
			}
			first /= UnitSize
		}
		for at := 0; at < len(data); at += UnitSize {
			u := Unit{int64(binary.BigEndian.Uint64(data[at:])), int32(binary.BigEndian.Uint32(data[at+8:])), int64(binary.BigEndian.Uint64(data[at+12:]))}
			if u.Size == 0 {
				return first, list
			}
			list = append(list, u)
		}
	}
	return first, list
}

func TestWrite(t *testing.T) {
	const perFile = 10
	var all []Unit
	for i := range int64(35) {
		all = append(all, Unit{Offset: 100 * i, Size: int32(92 + i), Tag: -i})
	}
	dir := t.TempDir()
	require.NoError(t, Write(dir, "orders", 3, perFile*UnitSize+7, 0, slices.Values(all)))
	first, got := units(t, filepath.Join(dir, "orders", "3"), perFile*UnitSize)
	require.Zero(t, first)
	require.Equal(t, all, got)

	// A queue whose oldest messages are gone: what lies before them in the file stands for none.
	require.NoError(t, Write(dir, "late", 0, perFile*UnitSize, 23, slices.Values(all[:5])))
	first, got = units(t, filepath.Join(dir, "late", "0"), perFile*UnitSize)
	require.EqualValues(t, 20, first)
	require.Equal(t, slices.Concat(slices.Repeat([]Unit{{Size: fillerSize}}, 3), all[:5]), got)

	require.Error(t, Write(dir, "bad", 0, 10, 0, slices.Values(all)))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	require.Error(t, Write(dir, "file", 0, perFile*UnitSize, 0, slices.Values(all)))
}

// Names that lead out of the folder, or into another topic's, have no files.
func TestNamesThatLeadElsewhere(t *testing.T) {
	for _, name := range []string{"", ".", "..", "/", "%RETRY%a/b", "%RETRY%x/../orders", "../orders", "/orders", `%RETRY%a\b`, "a\x00"} {
		require.False(t, IsName(name), name)
		require.Error(t, Write(t.TempDir(), name, 0, 200, 0, func(func(Unit) bool) {}), name)
	}
	require.True(t, IsName("%RETRY%group_orders"))
}

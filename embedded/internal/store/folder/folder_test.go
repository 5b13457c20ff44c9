package folder

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A folder is for one broker at a time, also within one process.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	first, err := Take(dir)
	require.NoError(t, err)
	_, err = Take(dir)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, first.Release())
	second, err := Take(dir)
	require.NoError(t, err)
	require.NoError(t, second.Release())
	data, err := os.ReadFile(filepath.Join(dir, "lock"))
	require.NoError(t, err)
	require.Equal(t, "lock", string(data))
	_, err = Take(filepath.Join(dir, "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestUsage(t *testing.T) {
	used, err := Usage(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	require.Greater(t, used, 0.0)
	require.LessOrEqual(t, used, 1.0)
	_, err = Usage(filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAbort(t *testing.T) {
	dir := t.TempDir()
	crashed, err := MarkRunning(dir)
	require.NoError(t, err)
	require.False(t, crashed)
	crashed, err = MarkRunning(dir)
	require.NoError(t, err)
	require.True(t, crashed)
	data, err := os.ReadFile(filepath.Join(dir, "abort"))
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid()), string(data))
	require.NoError(t, MarkEnded(dir))
	require.NoError(t, MarkEnded(dir))
	crashed, err = MarkRunning(dir)
	require.NoError(t, err)
	require.False(t, crashed)
}

// Keys that are numbers come without quotes from RocketMQ, and with quotes from others.
func TestUnmarshal(t *testing.T) {
	type offsets struct {
		OffsetTable map[string]map[int32]int64 `json:"offsetTable"`
		Note        string                     `json:"note"`
		List        []int                      `json:"list"`
	}
	want := offsets{map[string]map[int32]int64{"alpha@g{1,2:3}": {0: 3, 1: 5, -2: 7}, `say "0:1"`: {}}, `\{1:2}`, []int{1, 2, 3}}
	for _, text := range []string{
		"{\n\t\"offsetTable\":{\"alpha@g{1,2:3}\":{0:3,1:5,-2:7},\n\t\t\"say \\\"0:1\\\"\":{}\n\t},\"note\":\"\\\\{1:2}\",\"list\":[1,2,3]}",
		"{\"offsetTable\":{\"alpha@g{1,2:3}\":{ 0 : 3 , \t1\n:5,\"-2\":7},\"say \\\"0:1\\\"\":{}},\"note\":\"\\\\{1:2}\",\"list\":[1, 2, 3]}",
	} {
		var got offsets
		require.NoError(t, Unmarshal([]byte(text), &got))
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "{", `{"a`, `{"a\`, "{0", "{0:", "[1,2", "{1:2}}"} {
		var got offsets
		require.Error(t, Unmarshal([]byte(text), &got), text)
	}
}

// Of a file that is missing, empty or broken the one before it counts.
func TestWriteAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config", "topics.json")
	read := func() (string, bool, error) {
		var text string
		ok, err := Read(path, func(data []byte) error { return json.Unmarshal(data, &text) })
		return text, ok, err
	}
	_, ok, err := read()
	require.NoError(t, err)
	require.False(t, ok)
	require.NoError(t, Write(path, []byte(`"one"`)))
	require.NoError(t, Write(path, []byte(`"two"`)))
	text, ok, err := read()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, "two", text)
	for _, broken := range []string{"", `"tw`} {
		require.NoError(t, os.WriteFile(path, []byte(broken), 0o644))
		text, ok, err = read()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "one", text)
	}
	require.NoError(t, os.Remove(path))
	text, _, err = read()
	require.NoError(t, err)
	require.Equal(t, "one", text)
	require.NoError(t, os.WriteFile(path+".bak", []byte(`"on`), 0o644))
	_, ok, err = read()
	require.ErrorContains(t, err, "topics.json.bak")
	require.False(t, ok)
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"a":{0:1,-2:"x"},"b":[1,2]}`))
	f.Add([]byte(`{"a\"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v map[string]json.RawMessage
		if json.Unmarshal(data, &v) == nil { // what is JSON already stays what it is
			var got map[string]json.RawMessage
			require.NoError(t, Unmarshal(data, &got))
			require.Equal(t, v, got)
			return
		}
		_ = Unmarshal(data, &v)
	})
}

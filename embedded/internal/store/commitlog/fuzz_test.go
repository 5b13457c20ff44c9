package commitlog

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOpen: whatever the bytes of a log are, it is opened or refused, what it has is the same
// when it is opened again, and it takes further records.
func FuzzOpen(f *testing.F) {
	raw := stored(f, "one", 100)
	f.Add(raw)
	f.Add(append(append([]byte(nil), raw...), raw...))
	f.Add(appendBlank(nil, small))
	f.Add([]byte{0, 0, 0, 100, 0xda, 0xa3, 0x20, 0xa7})
	f.Add(make([]byte, small))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := Config{Dir: filepath.Join(t.TempDir(), "commitlog"), FileSize: small, Open: openLazy}
		require.NoError(t, os.MkdirAll(cfg.Dir, 0o755))
		require.NoError(t, os.WriteFile(segmentPath(cfg.Dir, 0), data, 0o644))
		var first []int64
		l, _, err := Open(cfg, func(r Record) { first = append(first, r.Offset) })
		if err != nil {
			return
		}
		more := stored(t, "more", 10)
		require.NoError(t, add(t, l, more))
		end := l.End()
		require.NoError(t, l.Close())
		var again []int64
		l, found, err := Open(cfg, func(r Record) { again = append(again, r.Offset) })
		require.NoError(t, err)
		require.Empty(t, found.Dropped)
		require.Equal(t, end, found.End)
		require.Len(t, again, len(first)+1)
		for i := range first {
			require.Equal(t, first[i], again[i])
		}
		require.NoError(t, l.Close())
	})
}

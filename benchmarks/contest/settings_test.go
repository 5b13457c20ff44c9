package contest

import (
	"bytes"
	"compress/zlib"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func usual() Settings {
	s := Settings{Targets: []Target{Null, Real}, Rounds: 3, Length: 2 * time.Second, WarmLimit: 4 * time.Minute, Growth: true}
	for _, c := range Candidates {
		s.Candidates = append(s.Candidates, c.ID)
	}
	return s
}

func TestTheDefaultRunTakesLessThanHalfAnHour(t *testing.T) {
	s := usual()
	require.NoError(t, s.Validate())
	require.Less(t, s.Estimate(), 30*time.Minute)
}

func TestCasesAreChosen(t *testing.T) {
	s := usual()
	s.Cases = regexp.MustCompile(`64x1/8KiB`)
	s.Targets = []Target{Null}
	s.Candidates = []string{Ours, Raw64}
	cases := s.chosen()
	require.Len(t, cases, 2)
	for _, c := range cases {
		require.Equal(t, []string{Ours, Raw64}, c.Candidates)
		require.Equal(t, Null, c.Target)
	}
	s.Cases = regexp.MustCompile(`no such case`)
	require.ErrorContains(t, s.Validate(), "no case is left")
}

// Another build's publisher has its turn right behind this one's.
func TestOtherBuildIsACandidate(t *testing.T) {
	s := usual()
	s.Cases = regexp.MustCompile(`^null/(64x1|async/512)/128B`)
	for _, c := range s.chosen() {
		require.NotContains(t, c.Candidates, OursOther)
	}
	s.Candidates = []string{Ours, OursAsync, Raw64, Raw512}
	s.OtherBuild = os.Args[0]
	require.NoError(t, s.Validate())
	cases := s.chosen()
	require.Len(t, cases, 2)
	require.Equal(t, []string{Ours, OursOther, Raw64}, cases[0].Candidates)
	require.Equal(t, []string{OursAsync, OursAsyncOther, Raw512}, cases[1].Candidates)
	s.OtherBuild = filepath.Join(t.TempDir(), "missing")
	require.ErrorContains(t, s.Validate(), "other build")
}

func TestSettingsAreValidated(t *testing.T) {
	s := usual()
	s.Rounds, s.Length, s.Targets, s.Candidates = 0, 0, []Target{"moon"}, []string{"nobody"}
	err := s.Validate()
	for _, fault := range []string{"rounds", "seconds", "moon", "nobody"} {
		require.ErrorContains(t, err, fault)
	}
}

func TestBodies(t *testing.T) {
	for body, size := range map[Body]int{Body128: 128, Body1K: 1 << 10, BodyText: 8 << 10, BodyRandom: 8 << 10} {
		content := body.Content()
		require.Len(t, content, size)
		require.Equal(t, content, body.Content(), "the same in every run")
		var packed bytes.Buffer
		w := zlib.NewWriter(&packed)
		_, err := w.Write(content)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		switch body {
		case BodyText:
			require.Less(t, packed.Len(), size/3)
		case BodyRandom:
			require.Greater(t, packed.Len(), size)
		}
	}
}

func TestFolderSize(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeBodies(dir))
	size, err := folderSize(dir)
	require.NoError(t, err)
	require.EqualValues(t, 128+1024+2*8192, size)
	free, err := freeSpace(dir)
	require.NoError(t, err)
	require.Positive(t, free)
}

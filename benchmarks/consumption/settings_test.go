package consumption

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func settings() Settings {
	s := Settings{
		Real: true, Messages: 400_000, Rounds: 3, LatencyLength: 20 * time.Second, LatencyRate: 100, Idle: 16,
	}
	for _, c := range Candidates {
		s.Candidates = append(s.Candidates, c.ID)
	}
	return s
}

func TestSettings(t *testing.T) {
	s := settings()
	require.NoError(t, s.Validate())
	require.Len(t, s.Chosen(), len(Candidates))
	require.EqualValues(t, 20_000, s.few())
	require.EqualValues(t, 2000, s.latencyMessages())
	require.Less(t, s.Estimate(), 15*time.Minute, "what docs/benchmarks.md has")
	s.Real = false
	for _, c := range s.Chosen() {
		require.Empty(t, c.Java, "it wants a real broker")
	}
}

func TestEveryFaultIsReported(t *testing.T) {
	s := Settings{Candidates: []string{"nobody"}, LatencyRate: 1}
	err := s.Validate()
	for _, want := range []string{"messages is 0", "rounds is 0", "latency", "idle is 0", `"nobody"`, "no consumer is left"} {
		require.ErrorContains(t, err, want)
	}
}

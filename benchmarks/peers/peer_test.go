package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/nullbroker"
)

func startNull(t *testing.T) *nullbroker.Broker {
	b, err := nullbroker.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func bodyFile(t *testing.T, content []byte) string {
	path := filepath.Join(t.TempDir(), "body")
	require.NoError(t, os.WriteFile(path, content, 0o644))
	return path
}

func TestEveryPeerIsMeasured(t *testing.T) {
	b := startNull(t)
	body := bodyFile(t, make([]byte, 100))
	for _, kind := range []Kind{Ours, ClientGo, Adapter, Raw} {
		for _, perCall := range []int{1, 32} {
			for _, rate := range []float64{0, 2000} {
				if kind == Raw && rate > 0 {
					continue // it has no callers that could be late
				}
				peer, err := Open(kind, b.Addr())
				require.NoError(t, err)
				s, err := peer.Run(context.Background(), load.Task{
					Topic: "topic", Body: body, Callers: 4, PerCall: perCall, Depth: 8, Rate: rate,
					WarmUp: 10 * time.Millisecond, Length: 50 * time.Millisecond,
				})
				require.NoError(t, err, kind)
				require.NoError(t, peer.Close())
				require.Zero(t, s.Failed, s.Err)
				require.Positive(t, s.Measured)
				require.Positive(t, s.CPU)
				require.Positive(t, s.Latency.Quantile(0.5))
				require.Greater(t, s.Acknowledged, s.Measured)
			}
		}
	}
}

func TestUnknownKind(t *testing.T) {
	_, err := Open("nobody", "127.0.0.1:1")
	require.ErrorContains(t, err, "nobody")
}

func TestServe(t *testing.T) {
	b := startNull(t)
	peer, err := Open(Raw, b.Addr())
	require.NoError(t, err)
	var in, out bytes.Buffer
	tasks := json.NewEncoder(&in)
	require.NoError(t, tasks.Encode(load.Task{
		Topic: "topic", Body: bodyFile(t, []byte("body")), PerCall: 1, Depth: 2, Length: 10 * time.Millisecond,
	}))
	require.NoError(t, tasks.Encode(load.Task{Body: "missing"}))
	require.NoError(t, Serve(context.Background(), peer, &in, &out))
	replies := json.NewDecoder(&out)
	var first, second Reply
	require.NoError(t, replies.Decode(&first))
	require.NoError(t, replies.Decode(&second))
	require.NotNil(t, first.Sample, first.Err)
	require.Positive(t, first.Sample.Measured)
	require.Nil(t, second.Sample)
	require.Contains(t, second.Err, "missing")
}

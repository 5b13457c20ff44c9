package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
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
	for _, kind := range []Kind{Ours, OursAsync, ClientGo, ClientGoAsync, Adapter, Raw} {
		async := kind == OursAsync || kind == ClientGoAsync
		for _, perCall := range []int{1, 32} {
			for _, rate := range []float64{0, 2000} {
				if (kind == Raw || async) && rate > 0 {
					continue // no caller waits that could be late
				}
				if async && perCall > 1 {
					continue // see runPlaces
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

// Messages that a broker refuses are failures of an asynchronous load, and what it
// has stored is what was acknowledged.
func TestAsynchronousPeersCountAsTheBrokerDoes(t *testing.T) {
	for _, kind := range []Kind{OursAsync, ClientGoAsync} {
		t.Run(string(kind), func(t *testing.T) {
			cluster, err := embedded.Start(embedded.WithTopic("topic", 8))
			require.NoError(t, err)
			defer cluster.Close()
			peer, err := Open(kind, cluster.NameServers()[0])
			require.NoError(t, err)
			task := load.Task{
				Topic: "topic", Body: bodyFile(t, []byte("body")), Callers: 2, PerCall: 1, Depth: 16,
				WarmUp: 10 * time.Millisecond, Length: 50 * time.Millisecond,
			}
			s, err := peer.Run(t.Context(), task)
			require.NoError(t, err)
			require.EqualValues(t, stored(t, cluster), s.Acknowledged)
			require.Zero(t, s.Failed, s.Err)

			// Every other request is refused, so that some of the messages are, however a
			// refused batch is divided.
			var requests atomic.Int64
			cluster.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Send == nil || requests.Add(1)%2 == 0 {
					return embedded.Fault{}
				}
				return embedded.Answer(headers.MessageIllegal, "not this one")
			})
			task.WarmUp = 0
			again, err := peer.Run(t.Context(), task)
			require.NoError(t, err)
			require.Positive(t, again.Failed)
			require.Contains(t, again.Err, "not this one")
			require.EqualValues(t, stored(t, cluster), s.Acknowledged+again.Acknowledged)
			require.NoError(t, peer.Close())
		})
	}
}

func stored(t *testing.T, cluster *embedded.Cluster) int {
	n, err := cluster.Stored("topic")
	require.NoError(t, err)
	return n
}

func TestAsynchronousCallsHaveOneMessage(t *testing.T) {
	peer, err := Open(OursAsync, startNull(t).Addr())
	require.NoError(t, err)
	_, err = peer.Run(t.Context(), load.Task{Topic: "topic", Body: bodyFile(t, nil), PerCall: 32, Depth: 1, Length: 1})
	require.ErrorContains(t, err, "32 messages")
	require.NoError(t, peer.Close())
}

// Raw frames go out once, however short the measurement is.
func TestRawSendsAtLeastOnce(t *testing.T) {
	peer, err := Open(Raw, startNull(t).Addr())
	require.NoError(t, err)
	s, err := peer.Run(t.Context(), load.Task{Topic: "topic", Body: bodyFile(t, []byte("body")), PerCall: 1, Depth: 2, Length: 1})
	require.NoError(t, err)
	require.EqualValues(t, 2, s.Measured)
	require.NoError(t, peer.Close())
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

// Of many callers that begin with a new topic at once, none fails.
func TestClientGoKnowsTheTopicBeforeTheLoad(t *testing.T) {
	b := startNull(t)
	body := bodyFile(t, make([]byte, 100))
	for range 20 {
		peer, err := Open(ClientGo, b.Addr())
		require.NoError(t, err)
		s, err := peer.Run(t.Context(), load.Task{Topic: "topic", Body: body, Callers: 64, PerCall: 1, Length: time.Millisecond})
		require.NoError(t, err)
		require.Zero(t, s.Failed, s.Err)
		require.NoError(t, peer.Close())
	}
}

package routing

import (
	"encoding/json"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// The values are what String.hashCode of Java 17 gives.
func TestJavaHash(t *testing.T) {
	for key, hash := range map[string]int32{
		"":                   0,
		"a":                  97,
		"Hello":              69609650,
		"polygenelubricants": -2147483648,
		"Größe":              69209585,
		"\U0001F600":         1772899,
		"订单":                 1129459,
		"order-42":           1234255197,
		"k\U0001F600\x00z":   1802572808,
	} {
		require.Equal(t, hash, headers.HashCode(key), "%q", key)
	}
}

func TestFNV1a(t *testing.T) {
	for _, key := range vectorKeys(t) {
		want := fnv.New32a()
		_, _ = want.Write([]byte(key)) // it never fails
		require.Equal(t, want.Sum32(), fnv1a(key), "%q", key)
	}
}

// The first vectors of the reference implementation of SipHash-2-4
// (vectors_sip64 in vectors.h), whose key is that of Guava: the input of number n
// is the bytes 0 to n-1.
func TestSipHash(t *testing.T) {
	var input []byte
	for n, want := range []uint64{
		0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
		0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
		0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
		0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
	} {
		require.Equal(t, want, sipHash(string(input)), "%d bytes", n)
		input = append(input, byte(n))
	}
}

func TestKeyHashesMakeNoGarbage(t *testing.T) {
	place := 0
	for _, h := range []KeyHash{JavaHash, FNV1a, SipHash, ProxyHash} {
		require.Zero(t, testing.AllocsPerRun(100, func() { place += h.Place(h.Sum("k\U0001F600 and more"), 8) }), h)
	}
	require.Positive(t, place)
}

func TestKeyHashOfNothing(t *testing.T) {
	readOnly, err := ParseRoute("t", []byte(`{"queueDatas":[{"brokerName":"a","perm":4,"readQueueNums":2,"writeQueueNums":2}],"brokerDatas":[]}`))
	require.NoError(t, err)
	for _, h := range []KeyHash{JavaHash, FNV1a, SipHash, ProxyHash, "murmur", ""} {
		_, ok := h.Queue(readOnly, "key")
		require.False(t, ok, h)
		for _, n := range []int{-1, 0, 1} {
			require.Zero(t, h.Place(h.Sum("key"), n), h)
		}
		require.Equal(t, len(h) > 0 && h != "murmur", h.IsValid(), h)
	}
}

type keyVectors struct {
	Client string
	Routes []struct {
		Name  string
		Route json.RawMessage
		Picks []struct {
			Key     string
			Broker  string
			QueueID int32
		}
	}
}

func readVectors(t *testing.T, h KeyHash) keyVectors {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "keyhash", string(h)+".json"))
	require.NoError(t, err)
	var v keyVectors
	require.NoError(t, json.Unmarshal(raw, &v))
	require.NotEmpty(t, v.Client)
	return v
}

func vectorKeys(t *testing.T) []string {
	t.Helper()
	var keys []string
	for _, p := range readVectors(t, JavaHash).Routes[0].Picks {
		keys = append(keys, p.Key)
	}
	return keys
}

// Each client was given routes and keys and said where it sends them: the same
// route brings the same key to the same queue here. The vectors are made by
// "make vectors".
func TestKeysGoWhereOtherClientsSendThem(t *testing.T) {
	for _, h := range []KeyHash{JavaHash, FNV1a, SipHash, ProxyHash} {
		t.Run(string(h), func(t *testing.T) {
			used := make(map[MessageQueue]bool)
			for _, r := range readVectors(t, h).Routes {
				route, err := ParseRoute("vectors", r.Route)
				require.NoError(t, err, r.Name)
				queues := h.Queues(route)
				require.Greater(t, len(r.Picks), 90, r.Name)
				for _, p := range r.Picks {
					want := MessageQueue{Topic: "vectors", BrokerName: p.Broker, QueueID: p.QueueID}
					if h == SipHash && r.Name == "more queues to read than to write" && p.Broker == "broker-a" {
						// Of 8 queues to read and 3 to write the client has 5 to
						// 7 where we have 0 to 2.
						want.QueueID -= 5
					}
					got := queues[h.Place(h.Sum(p.Key), len(queues))]
					same, ok := h.Queue(route, p.Key)
					require.True(t, ok)
					require.Equal(t, got, same)
					require.Equal(t, want, got, "%s: %q", r.Name, p.Key)
					used[got] = true
				}
			}
			require.Greater(t, len(used), 8, "vectors that name few queues show little")
		})
	}
}

// The vectors have what they are there for: the order of the name server's list
// counts for SipHash alone, and a queue more moves keys.
func TestVectorsTellRoutesApart(t *testing.T) {
	for _, h := range []KeyHash{JavaHash, FNV1a, SipHash, ProxyHash} {
		v := readVectors(t, h)
		require.Equal(t, "3 and 5 queues", v.Routes[0].Name)
		require.Equal(t, "5 and 3 queues, listed the other way round", v.Routes[1].Name)
		require.Equal(t, "one queue more", v.Routes[2].Name)
		require.Equal(t, h != SipHash, slices.Equal(v.Routes[0].Picks, v.Routes[1].Picks), h)
		require.NotEqual(t, v.Routes[0].Picks, v.Routes[2].Picks, h)
	}
	sums := make(map[bool]bool)
	for _, key := range vectorKeys(t) {
		sums[headers.HashCode(key) < 0] = true
	}
	require.Len(t, sums, 2, "hashes of both signs")
}

package embedded_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// TestBadFrames: a server closes the connection at once and says nothing.
func TestBadFrames(t *testing.T) {
	long := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network)
		for name, raw := range map[string][]byte{
			"over the limit":    long(headers.MaxFrameSize - 3),
			"negative":          long(0xFFFFFFFF),
			"zero":              long(0),
			"no header length":  append(long(3), 0, 0, 0),
			"header too long":   append(long(8), 0, 0, 0, 99, '{', '}', ' ', ' '),
			"serialization":     append(long(6), 9, 0, 0, 2, '{', '}'),
			"broken JSON":       append(long(6), 0, 0, 0, 2, '{', '{'),
			"binary too short":  append(long(6), 1, 0, 0, 2, 0, 0),
			"HTTP":              []byte("GET / HTTP/1.1\r\n\r\n"),
			"TLS without a key": {0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0},
		} {
			for _, addr := range []string{cluster.Broker(0).Addr(), cluster.NameServers()[0]} {
				t.Run(name, func(t *testing.T) {
					c := dial(t, cluster, addr)
					c.writeBytes(raw)
					c.closed()
				})
			}
		}
	})
}

// TestFrameInPieces: frames may arrive in any pieces, or many at a time, and
// larger than the read buffer.
func TestFrameInPieces(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network, embedded.WithTopic("topic", 1))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		frame, err := headers.AppendRequest(nil, headers.Binary, 7, false, message("topic"), []byte("in pieces"))
		require.NoError(t, err)
		for _, b := range frame {
			c.writeBytes([]byte{b})
		}
		require.EqualValues(t, 7, func() int32 { a := c.receive(); return a.Opaque }())

		const many = 300
		var all []byte
		for i := range int32(many) {
			all, err = headers.AppendRequest(all, headers.Binary, i, false, message("topic"), []byte("at once"))
			require.NoError(t, err)
		}
		c.writeBytes(all)
		for i := range int32(many) {
			require.Equal(t, i, func() int32 { a := c.receive(); return a.Opaque }())
		}
		big := make([]byte, 1<<20)
		c.succeed(message("topic"), big)
		messages := messagesIn(cluster, "topic")
		require.Len(t, messages, 1+many+1)
		require.Equal(t, big, messages[1+many].Body)
	})
}

// TestPipelinedAnswersAreGathered: answers to requests that arrive together
// leave together.
func TestPipelinedAnswersAreGathered(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		var all []byte
		var err error
		for i := range int32(100) {
			all, err = headers.AppendRequest(all, headers.Binary, i, false, message("topic"), []byte("body"))
			require.NoError(t, err)
		}
		c.writeBytes(all)
		answers := make([]byte, 1<<20)
		n, err := c.conn.Read(answers)
		require.NoError(t, err)
		size, err := headers.FrameSize([4]byte(answers[:4]), headers.MaxFrameSize)
		require.NoError(t, err)
		require.Greater(t, n, 90*size)
	})
}

func TestOpaqueIsEchoed(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	for _, opaque := range []int32{-1, 0, 1<<31 - 1, -1 << 31, 5, 5} {
		c.opaque = opaque - 1
		c.succeed(message("topic"), []byte("body"))
	}
}

// TestAnswersOfClientsAreIgnored: a client may answer a push, or anything.
func TestAnswersOfClientsAreIgnored(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	frame, err := headers.AppendResponse(nil, headers.JSON, 99, headers.Success, "", nil, nil)
	require.NoError(t, err)
	c.writeBytes(frame)
	c.silent()
}

func TestSerializationOfAnswers(t *testing.T) {
	for _, test := range []struct {
		name         string
		opts         []embedded.Option
		json, binary headers.Serialization
	}{
		{"5.5", nil, headers.JSON, headers.JSON},
		{"5.5 set to binary", []embedded.Option{embedded.WithBinaryAnswers()}, headers.Binary, headers.Binary},
		{"4.9", []embedded.Option{embedded.WithVersion(headers.Version4_9_7)}, headers.JSON, headers.Binary},
	} {
		t.Run(test.name, func(t *testing.T) {
			cluster := start(t, append(test.opts, embedded.InMemory())...)
			c := dial(t, cluster, cluster.Broker(0).Addr())
			for _, s := range []headers.Serialization{headers.JSON, headers.Binary} {
				c.serialization = s
				want := test.json
				if s == headers.Binary {
					want = test.binary
				}
				require.Equal(t, want, c.succeed(message("topic"), []byte("body")).Serialization)
			}
		})
	}
}

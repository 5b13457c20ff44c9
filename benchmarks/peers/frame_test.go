package peers

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// TestFramesAreThoseOfThePublisher compares the raw frames with what the
// publisher really writes: all but ids, times and numbers of requests.
func TestFramesAreThoseOfThePublisher(t *testing.T) {
	random := make([]byte, 8<<10)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random)
	for name, k := range map[string]struct {
		payload []byte
		n       int
	}{
		"one":              {make([]byte, 128), 1},
		"compressed":       {bytes.Repeat([]byte("text "), 1600), 1},
		"not compressible": {random, 1},
		"batch":            {make([]byte, 128), 32},
		"large batch":      {random, 32},
	} {
		t.Run(name, func(t *testing.T) {
			frame := published(t, k.payload, k.n)
			want, err := headers.ParseFrame(frame[headers.FrameLengthSize:])
			require.NoError(t, err)
			sent, err := headers.ParseSendMessage(&want)
			require.NoError(t, err)
			queue := routing.MessageQueue{Topic: "topic", BrokerName: sent.BrokerName, QueueID: sent.QueueID}
			raw, err := encodeFrame(0, queue, k.payload, k.n)
			require.NoError(t, err)
			require.Len(t, raw, len(frame))
			got, err := headers.ParseFrame(raw[headers.FrameLengthSize:])
			require.NoError(t, err)
			encoded, err := headers.ParseSendMessage(&got)
			require.NoError(t, err)
			require.Equal(t, want.Code, got.Code)
			require.Equal(t, want.Serialization, got.Serialization)
			require.Equal(t, names(sent.Properties), names(encoded.Properties))
			sent.Properties, encoded.Properties = nil, nil
			sent.BornTimestamp, encoded.BornTimestamp = 0, 0
			require.Equal(t, sent, encoded)
			if k.n == 1 {
				require.Equal(t, want.Body, got.Body)
				return
			}
			wants, err := body.ParseBatch(want.Body)
			require.NoError(t, err)
			gots, err := body.ParseBatch(got.Body)
			require.NoError(t, err)
			require.Len(t, gots, len(wants))
			for i := range wants {
				require.Equal(t, wants[i].Body, gots[i].Body)
				require.Equal(t, names(wants[i].Properties), names(gots[i].Properties))
			}
		})
	}
}

// names are those of the properties, in their order.
func names(properties []byte) (all []string) {
	for name := range headers.Properties(properties) {
		all = append(all, string(name))
	}
	return all
}

// published has the publisher send n messages and returns the frame.
func published(t *testing.T, payload []byte, n int) []byte {
	tap := new(tap)
	p, err := publisher.New(publisher.Config{
		Cluster:     rocketmq.Cluster{NameServers: []string{startNull(t).Addr()}, Dial: tap.dial, DialTimeout: time.Minute},
		SendTimeout: time.Minute, AttemptTimeout: time.Minute,
	}, nil)
	require.NoError(t, err)
	require.NoError(t, p.Publish("topic", newMessages(n, payload)...))
	require.NoError(t, p.Close())
	tap.mu.Lock()
	defer tap.mu.Unlock()
	for _, c := range tap.conns {
		for rest := c.written; len(rest) > 0; {
			size := headers.FrameLengthSize + int(binary.BigEndian.Uint32(rest))
			command, err := headers.ParseFrame(rest[headers.FrameLengthSize:size])
			require.NoError(t, err)
			switch headers.RequestCode(command.Code) {
			case headers.CodeSendMessageV2, headers.CodeSendBatchMessage:
				return rest[:size]
			}
			rest = rest[size:]
		}
	}
	t.Fatal("no send was written")
	return nil
}

// tap keeps what is written to the connections it opens.
type tap struct {
	mu    sync.Mutex
	conns []*tappedConn
}

type tappedConn struct {
	net.Conn
	tap     *tap
	written []byte
}

func (t *tap) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &tappedConn{Conn: nc, tap: t}
	t.conns = append(t.conns, c)
	return c, nil
}

func (c *tappedConn) Write(p []byte) (int, error) {
	c.tap.mu.Lock()
	c.written = append(c.written, p...)
	c.tap.mu.Unlock()
	return c.Conn.Write(p)
}

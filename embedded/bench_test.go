package embedded_test

import (
	"bufio"
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// BenchmarkSend measures the broker alone: one connection, requests that were
// encoded before, answers that are read and not looked at.
func BenchmarkSend(b *testing.B) {
	for _, network := range []struct {
		name string
		opt  embedded.Option
	}{{"memory", embedded.InMemory()}, {"TCP", embedded.WithBrokers(1)}} {
		for _, load := range []struct {
			name     string
			pipeline int
		}{{"one at a time", 1}, {"64 at a time", 64}} {
			b.Run(network.name+"/"+load.name, func(b *testing.B) {
				cluster := start(b, network.opt, embedded.WithTopic("topic", 4), embedded.WithRetention(1000))
				nc, err := cluster.Dial(context.Background(), "tcp", cluster.Broker(0).Addr())
				require.NoError(b, err)
				defer nc.Close()
				var requests []byte
				for i := range load.pipeline {
					requests, err = headers.AppendRequest(requests, headers.Binary, int32(i), false, message("topic", toQueue(int32(i%4)),
						with("UNIQ_KEY", "0123456789ABCDEF0123456789ABCDEF", "KEYS", "key")), make([]byte, 256))
					require.NoError(b, err)
				}
				in := bufio.NewReaderSize(nc, 64<<10)
				b.ReportAllocs()
				for n := 0; b.Loop(); n++ {
					if n%load.pipeline != 0 {
						continue
					}
					if _, err := nc.Write(requests); err != nil {
						b.Fatal(err)
					}
					for range load.pipeline {
						var length [headers.FrameLengthSize]byte
						if _, err := io.ReadFull(in, length[:]); err != nil {
							b.Fatal(err)
						}
						size, err := headers.FrameSize(length, headers.MaxFrameSize)
						if err != nil {
							b.Fatal(err)
						}
						if _, err := in.Discard(size); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

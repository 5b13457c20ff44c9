package publisher_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// BenchmarkPublish measures one Publish of one message of 100 bytes, with the
// embedded broker's share of the work, which keeps only the newest messages.
func BenchmarkPublish(b *testing.B) {
	for _, network := range []struct {
		name string
		opts []embedded.Option
	}{
		{"memory", []embedded.Option{embedded.InMemory()}},
		{"TCP", nil},
	} {
		opts := append(network.opts, embedded.WithTopic(orders, 8), embedded.WithRetention(1000))
		b.Run(network.name+"/1 goroutine", func(b *testing.B) {
			p := publisherOn(b, startCluster(b, opts), nil)
			msg := newMessage(string(make([]byte, 100)))
			require.NoError(b, p.Publish(orders, msg))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Publish(orders, msg); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(network.name+"/64 goroutines", func(b *testing.B) {
			p := publisherOn(b, startCluster(b, opts), nil)
			msg := newMessage(string(make([]byte, 100)))
			require.NoError(b, p.Publish(orders, msg))
			b.ReportAllocs()
			b.SetParallelism((64 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := p.Publish(orders, msg); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func startCluster(b *testing.B, opts []embedded.Option) *embedded.Cluster {
	c, err := embedded.Start(opts...)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, c.Close()) })
	return c
}

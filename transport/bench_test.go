package transport_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// serveEcho answers every request on every connection to l with its own body,
// with JSON headers as brokers of version 5 do, until the test ends.
func serveEcho(tb testing.TB) (addr string) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { serveEchoConn(nc) })
		}
	})
	tb.Cleanup(wg.Wait) // after the client's end, which is the end of connections
	tb.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// serveEchoConn answers what has come so far in one write.
func serveEchoConn(nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReaderSize(nc, 64<<10)
	var request, answers []byte
	for {
		length, err := in.Peek(4)
		if err != nil {
			return
		}
		size := 4 + int(binary.BigEndian.Uint32(length))
		if cap(request) < size {
			request = make([]byte, size)
		}
		if _, err := io.ReadFull(in, request[:size]); err != nil {
			return
		}
		answers = appendAnswers(answers, request[:size], headers.JSON)
		if in.Buffered() > 0 {
			continue
		}
		if _, err := nc.Write(answers); err != nil {
			return
		}
		answers = answers[:0]
	}
}

func BenchmarkInvoke(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			addr := serveEcho(b)
			c, err := transport.New(transport.Config{Serialization: headers.Binary})
			require.NoError(b, err)
			b.Cleanup(func() { _ = c.Close() })
			ctx, body := context.Background(), make([]byte, 100)
			var request headers.Request = headers.Heartbeat{}
			_, err = c.Invoke(ctx, addr, request, body)
			require.NoError(b, err)

			b.ReportAllocs()
			b.ResetTimer()
			var calls atomic.Int64
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for calls.Add(1) <= int64(b.N) {
						if _, err := c.Invoke(ctx, addr, request, body); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkIdleConnection reports what a connection costs that has carried one
// call and is idle, heap and stacks, without its peer's share.
func BenchmarkIdleConnection(b *testing.B) {
	const conns = 200
	for b.Loop() {
		c, err := transport.New(transport.Config{
			Serialization: headers.Binary,
			Dial:          func(context.Context, string, string) (net.Conn, error) { return newEcho(headers.JSON), nil },
		})
		require.NoError(b, err)
		heap, stacks, goroutines := inUse()
		for i := range conns {
			_, err := c.Invoke(context.Background(), fmt.Sprint(i), headers.Heartbeat{}, make([]byte, 100))
			require.NoError(b, err)
		}
		h, s, g := inUse()
		b.ReportMetric((h-heap)/conns, "heap-B/conn")
		b.ReportMetric((s-stacks)/conns, "stack-B/conn")
		b.ReportMetric((g-goroutines)/conns, "goroutines/conn")
		require.NoError(b, c.Close())
	}
}

func inUse() (heap, stacks, goroutines float64) {
	runtime.GC()
	runtime.GC() // what pools hold is let go by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.StackInuse), float64(runtime.NumGoroutine())
}

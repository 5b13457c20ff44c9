package idle

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Cost of something idle.
type Cost struct {
	Goroutines float64 `json:"goroutines"`
	Heap       float64 `json:"heap"`   // bytes
	Stacks     float64 `json:"stacks"` // bytes
}

// Measure opens connections to a broker in another process, without TLS, uses each and
// returns what one of them costs once it is idle. Nothing else may run in this
// process.
func Measure(ctx context.Context, broker string, connections int) (Cost, error) {
	client, err := transport.New(transport.Config{
		Serialization: headers.Binary,
		// All addresses are the broker's, so that it is dialled again for each.
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, broker)
		},
	})
	if err != nil {
		return Cost{}, err
	}
	defer client.Close()
	// The first connection's cost is also that of what all share.
	if err := use(ctx, client, -1); err != nil {
		return Cost{}, err
	}
	before := InUse()
	for i := range connections {
		if err := use(ctx, client, i); err != nil {
			return Cost{}, err
		}
	}
	return InUse().Since(before, connections), nil
}

// Since is what each of n things costs, if before was in use without them.
func (c Cost) Since(before Cost, n int) Cost {
	return Cost{
		Goroutines: (c.Goroutines - before.Goroutines) / float64(n),
		Heap:       (c.Heap - before.Heap) / float64(n),
		Stacks:     (c.Stacks - before.Stacks) / float64(n),
	}
}

// use sends a small and a large request over the connection of number i.
func use(ctx context.Context, client *transport.Client, i int) error {
	for _, size := range []int{1 << 10, 1 << 20} {
		_, err := headers.Successful(client.Invoke(ctx, fmt.Sprintf("connection-%d:1", i), headers.Heartbeat{}, make([]byte, size)))
		if err != nil {
			return err
		}
	}
	return nil
}

// InUse is what the process has in use.
func InUse() Cost {
	time.Sleep(100 * time.Millisecond) // let goroutines come to rest
	// What pools hold is let go by the second, and stacks shrink with each.
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Cost{
		Goroutines: float64(runtime.NumGoroutine()), Heap: float64(m.HeapAlloc), Stacks: float64(m.StackInuse),
	}
}

package publisher_test

import (
	"context"
	"net"
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// countingDialer counts the connections it has opened to each address, and those
// that were closed again.
type countingDialer struct {
	mu            sync.Mutex
	opens, closes map[string]int
}

func (d *countingDialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	d.count(&d.opens, addr)
	return &countedConn{Conn: nc, closed: sync.OnceFunc(func() { d.count(&d.closes, addr) })}, nil
}

func (d *countingDialer) count(m *map[string]int, addr string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if *m == nil {
		*m = make(map[string]int)
	}
	(*m)[addr]++
}

func (d *countingDialer) opened(addr string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opens[addr]
}

func (d *countingDialer) closed(addr string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closes[addr]
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// storeThenAnswer makes brokers store sends and then answer that code.
func storeThenAnswer(code string) func(embedded.Request) embedded.Fault {
	codes := map[string]headers.ResponseCode{
		"10": headers.FlushDiskTimeout, "11": headers.SlaveNotAvailable, "12": headers.FlushSlaveTimeout,
	}
	return func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		return embedded.StoreThenAnswer(codes[code], "")
	}
}

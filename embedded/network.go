package embedded

import (
	"context"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// Ports of the in-memory network. They mean nothing outside it.
const (
	memoryNameServerPort = 9876
	memoryBrokerPort     = 10911
	memoryClientPort     = 50000
	memoryBrokerStep     = 20
)

// memoryNetwork connects clients to servers of the same process without
// sockets. Connections are buffered pipes with deadlines, see memoryConn.
type memoryNetwork struct {
	mu        sync.Mutex // guards the fields below
	listeners map[string]acceptor
	lastPort  int // of the clients
}

// acceptor takes a new connection, or reports false to refuse it.
type acceptor func(net.Conn) bool

// listen has accept take the connections to addr. It fails if addr is taken.
func (n *memoryNetwork) listen(addr string, accept acceptor) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return &net.OpError{Op: "listen", Net: "tcp", Addr: memoryAddr(addr), Err: syscall.EADDRINUSE}
	}
	if n.listeners == nil {
		n.listeners = make(map[string]acceptor)
	}
	n.listeners[addr] = accept
	return nil
}

func (n *memoryNetwork) unlisten(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.listeners, addr)
}

// dial connects to the server at addr. Where there is none it fails as TCP does.
func (n *memoryNetwork) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memoryAddr(addr), Err: err}
	}
	n.mu.Lock()
	accept := n.listeners[addr]
	n.lastPort = n.lastPort%(65535-memoryClientPort) + 1
	port := memoryClientPort + n.lastPort
	n.mu.Unlock()
	if accept == nil {
		return nil, refused(network, addr)
	}
	client, server := memoryPipe(memoryAddr("127.0.0.1:"+strconv.Itoa(port)), memoryAddr(addr))
	if !accept(server) {
		return nil, refused(network, addr)
	}
	return client, nil
}

func refused(network, addr string) error {
	return &net.OpError{Op: "dial", Net: network, Addr: memoryAddr(addr), Err: syscall.ECONNREFUSED}
}

// memoryAddr is an address of the in-memory network. It reads as a TCP address.
type memoryAddr string

func (a memoryAddr) Network() string { return "tcp" }
func (a memoryAddr) String() string  { return string(a) }

package memnet

import (
	"context"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// firstClientPort is where the ports of clients begin.
const firstClientPort = 50000

// Network connects clients to servers of the same process. The zero value is a network
// without servers. It is safe for concurrent use.
type Network struct {
	mu        sync.Mutex // guards the fields below
	listeners map[string]Acceptor
	lastPort  int // of the clients
}

// Acceptor takes a new connection, or reports false to refuse it. It runs in Dial,
// outside of the network's lock.
type Acceptor func(net.Conn) bool

// Listen has accept take the connections to addr. Where addr is taken, it fails as TCP
// does: the error is a *net.OpError that matches syscall.EADDRINUSE.
func (n *Network) Listen(addr string, accept Acceptor) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listeners[addr] != nil {
		return &net.OpError{Op: "listen", Net: "tcp", Addr: address(addr), Err: syscall.EADDRINUSE}
	}
	if n.listeners == nil {
		n.listeners = make(map[string]Acceptor)
	}
	n.listeners[addr] = accept
	return nil
}

// Unlisten frees addr. A Dial that has found the acceptor already may still call it.
func (n *Network) Unlisten(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.listeners, addr)
}

// Dial connects to the server at addr. Where there is none, or it refuses, Dial fails as
// TCP does: the error is a *net.OpError that matches syscall.ECONNREFUSED. It never
// waits.
func (n *Network) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: address(addr), Err: err}
	}
	n.mu.Lock()
	accept := n.listeners[addr]
	n.lastPort = n.lastPort%(65535-firstClientPort) + 1
	port := firstClientPort + n.lastPort
	n.mu.Unlock()
	if accept == nil {
		return nil, refused(network, addr)
	}
	client, server := pipe(address("127.0.0.1:"+strconv.Itoa(port)), address(addr))
	if !accept(server) {
		return nil, refused(network, addr)
	}
	return client, nil
}

func refused(network, addr string) error {
	return &net.OpError{Op: "dial", Net: network, Addr: address(addr), Err: syscall.ECONNREFUSED}
}

// address is that of a server or client. It reads as a TCP address.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }

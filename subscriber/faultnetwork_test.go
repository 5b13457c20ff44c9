package subscriber_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// badNetwork is between a client and its servers: each connection goes through a proxy on
// loopback, so that what happens to it is what happens to sockets. Dial is for
// rocketmq.Cluster.
type badNetwork struct {
	mu    sync.Mutex
	ports map[string]net.Listener // by the address that is dialed
	links map[*link]struct{}
	works sync.WaitGroup
}

func newBadNetwork(t *testing.T) *badNetwork {
	n := &badNetwork{ports: make(map[string]net.Listener), links: make(map[*link]struct{})}
	t.Cleanup(n.close)
	return n
}

// Dial dials an address by the proxy.
func (n *badNetwork) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	port, err := n.port(addr)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, network, port)
}

func (n *badNetwork) port(addr string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.ports[addr]
	if l == nil {
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return "", err
		}
		n.ports[addr] = l
		n.works.Go(func() { n.serve(l, addr) })
	}
	return l.Addr().String(), nil
}

func (n *badNetwork) serve(l net.Listener, addr string) {
	for {
		client, err := l.Accept()
		if err != nil {
			return // it is closed
		}
		server, err := net.Dial("tcp", addr)
		if err != nil {
			_ = client.Close()
			continue
		}
		k := &link{client: client.(*net.TCPConn), server: server.(*net.TCPConn)}
		n.mu.Lock()
		n.links[k] = struct{}{}
		n.mu.Unlock()
		n.works.Go(func() {
			k.run()
			n.mu.Lock()
			delete(n.links, k)
			n.mu.Unlock()
		})
	}
}

// hurt does something to all connections that there are. It returns how many.
func (n *badNetwork) hurt(do func(k *link)) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for k := range n.links {
		do(k)
	}
	return len(n.links)
}

func (n *badNetwork) close() {
	n.mu.Lock()
	for _, l := range n.ports {
		_ = l.Close()
	}
	n.mu.Unlock()
	n.hurt((*link).cut)
	n.works.Wait()
}

// link is a connection.
type link struct {
	client, server *net.TCPConn
	silent         atomic.Bool
}

// cut resets both sides.
func (k *link) cut() {
	for _, c := range []*net.TCPConn{k.client, k.server} {
		_ = c.SetLinger(0)
		_ = c.Close()
	}
}

// forget drops all bytes from now on, as a router does that has forgotten the connection.
func (k *link) forget() { k.silent.Store(true) }

// endClient ends what the server says: the client may speak on. endServer is the other way
// round.
func (k *link) endClient() { _ = k.client.CloseWrite() }
func (k *link) endServer() { _ = k.server.CloseWrite() }

// run carries bytes until both sides have ended.
func (k *link) run() {
	var pumps sync.WaitGroup
	pumps.Go(func() { k.pump(k.server, k.client) })
	pumps.Go(func() { k.pump(k.client, k.server) })
	pumps.Wait()
	_, _ = k.client.Close(), k.server.Close()
}

func (k *link) pump(to, from *net.TCPConn) {
	buf := make([]byte, 64<<10)
	for {
		got, err := from.Read(buf)
		if got > 0 && !k.silent.Load() {
			if _, err := to.Write(buf[:got]); err != nil {
				_ = from.Close()
				return
			}
		}
		if err != nil {
			// A router that has forgotten the connection forgets its end too.
			if !k.silent.Load() {
				_ = to.CloseWrite()
			}
			if err != io.EOF {
				_ = to.Close()
			}
			return
		}
	}
}

// What the tests rely on: bytes arrive, and do not after each of the faults.
func TestBadNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var servers sync.WaitGroup
	defer servers.Wait()
	defer l.Close()
	servers.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			servers.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	for name, tc := range map[string]struct {
		do    func(k *link)
		lives bool
	}{
		"nothing":    {func(*link) {}, true},
		"cut":        {(*link).cut, false},
		"end client": {(*link).endClient, false},
		"end server": {(*link).endServer, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := newBadNetwork(t)
			c, err := n.Dial(t.Context(), "tcp", l.Addr().String())
			require.NoError(t, err)
			defer c.Close()
			echo := func() error {
				_, err := c.Write([]byte("x"))
				if err == nil {
					_, err = io.ReadFull(c, make([]byte, 1))
				}
				return err
			}
			require.NoError(t, echo())
			require.Equal(t, 1, n.hurt(tc.do))
			require.Equal(t, tc.lives, echo() == nil)
		})
	}
}

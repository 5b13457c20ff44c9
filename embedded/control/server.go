package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// Server serves a Handler at an address.
type Server struct {
	handler *Handler
	http    http.Server
	addr    net.Addr
	fresh   fresh
	ended   sync.WaitGroup
	closing sync.Once
}

// Listen serves page and JSON of a cluster at an address, such as 127.0.0.1:8081, or
// 127.0.0.1:0 for any free port. The host of the address is one of those that are allowed,
// as if it were in Config.Hosts, unless it stands for all addresses of the machine.
func Listen(cluster *embedded.Cluster, addr string, cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	cfg.Hosts = slices.Concat(cfg.Hosts, hostsOf(addr, listener.Addr()))
	h, err := New(cluster, cfg)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s := &Server{handler: h, addr: listener.Addr(), http: http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
	}}
	s.fresh.conns = make(map[net.Conn]struct{})
	s.http.ConnState = s.fresh.note
	s.ended.Go(func() { _ = s.http.Serve(listener) }) // until Close
	return s, nil
}

// hostsOf are the hosts of an address, as it was asked for and as it is listened on: none
// if it stands for all of the machine.
func hostsOf(asked string, addr net.Addr) []string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || tcp.IP.IsUnspecified() {
		return nil
	}
	hosts := []string{tcp.IP.String()}
	if host, _, err := net.SplitHostPort(asked); err == nil && host != "" {
		hosts = append(hosts, host)
	}
	return hosts
}

// Addr is the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.addr }

// URL is the address of the page, for a browser on this machine.
func (s *Server) URL() string {
	host, port, err := net.SplitHostPort(s.addr.String())
	if ip := net.ParseIP(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/"
}

// closeTimeout is how long requests that are being answered have when a Server closes.
const closeTimeout = 5 * time.Second

// Close ends the server, removes the faults that were asked for here, and waits for the
// requests that are being answered; after some seconds it cuts their connections. Once it
// returns the cluster can be closed. It may be called more than once.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		s.handler.stop()
		s.fresh.close()
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		err = s.http.Shutdown(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = s.http.Close() // that clients are slow is no failure
		}
		s.ended.Wait()
		s.handler.Close()
	})
	return err
}

// fresh are the connections on which no request has come yet. http.Server.Shutdown waits
// for them as for those whose request is being answered, though nothing is lost with them:
// browsers open connections for requests to come.
type fresh struct {
	mu     sync.Mutex // guards the fields below
	closed bool
	conns  map[net.Conn]struct{}
}

// note is told how each connection is doing.
func (f *fresh) note(conn net.Conn, state http.ConnState) {
	if f.late(conn, state == http.StateNew) {
		_ = conn.Close() // it came while the server closes
	}
}

// late notes whether a connection is new, and reports whether it has come too late.
func (f *fresh) late(conn net.Conn, isNew bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !isNew:
		delete(f.conns, conn)
	case f.closed:
		return true
	default:
		f.conns[conn] = struct{}{}
	}
	return false
}

// close closes them, and those that are still to come.
func (f *fresh) close() {
	f.mu.Lock()
	list := f.conns
	f.closed, f.conns = true, nil
	f.mu.Unlock()
	for conn := range list {
		_ = conn.Close() // there is nothing to write
	}
}

package session

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/google/uuid"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// ErrClosed means that the session is closed.
var ErrClosed = errors.New("session closed")

// Session is what one client holds with one cluster, for its members. It is safe for
// concurrent use. Close it when it is no longer needed.
type Session struct {
	cfg       Config
	logger    watermill.LoggerAdapter
	id        string
	signer    *Signer // nil if requests go as they are
	client    *transport.Client
	routes    *routing.Table
	heartbeat *heartbeat
	logs      logs

	mu      sync.Mutex // guards what follows
	members []*Member
	// beat is the body of heartbeats, nil if there is nobody to speak for.
	beat    []byte
	ending  bool // Close is called, or about to be
	closing bool
	closed  chan struct{} // closed when Close is over
}

// New returns a Session without members. It needs no network. A Config.Resolver is called
// at once, in the background. The Session has a goroutine of its own, and those of its
// transport.Client and its routing.Table.
func New(cfg Config, logger watermill.LoggerAdapter) (*Session, error) {
	s := &Session{
		cfg:    cfg,
		logger: logger,
		id:     newClientID(),
		signer: newSigner(cfg.namespaceFields(), cfg.Keys),
		closed: make(chan struct{}),
	}
	s.heartbeat = newHeartbeat(s)
	connections := transport.Config{
		Dial:          cfg.Dial,
		TLS:           cfg.TLS,
		Serialization: cfg.Serialization,
		DialTimeout:   cfg.DialTimeout,
		Events:        transport.Events{Connected: s.connected, Disconnected: s.disconnected},
		Requests:      s.requests(),
	}
	if s.signer != nil {
		connections.Decorate = s.signer.decorate
	}
	var err error
	if s.client, err = transport.New(connections); err != nil {
		return nil, err
	}
	s.routes, err = routing.New(routing.Config{
		NameServers:     cfg.NameServers,
		Resolver:        cfg.Resolver,
		ResolveInterval: cfg.ResolveInterval,
		RefreshInterval: cfg.RouteRefreshInterval,
		Events: routing.Events{
			RouteChanged: s.routeChanged, RefreshFailed: s.refreshFailed, NameServerFailed: s.nameServerFailed,
			NameServersChanged: s.nameServersChanged, ResolveFailed: s.resolveFailed,
		},
	}, s.client)
	if err != nil {
		_ = s.client.Close() // it has no connection yet
		return nil, err
	}
	go s.heartbeat.run()
	return s, nil
}

// newClientID returns host@pid#random. The random part keeps two sessions of a
// process apart, and two containers with equal host names and process ids.
func newClientID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown" // a label for people; the rest makes it unique
	}
	return fmt.Sprintf("%s@%d#%s", host, os.Getpid(), uuid.NewString())
}

// ID is what the session calls itself in heartbeats.
func (s *Session) ID() string { return s.id }

// Connections returns the live connections.
func (s *Session) Connections() []transport.Connection { return s.client.Connections() }

// CachedRoutes returns the routes that are known.
func (s *Session) CachedRoutes() []routing.Cached { return s.routes.Cached() }

// Signer returns what signs requests, nil if they go as they are.
func (s *Session) Signer() *Signer { return s.signer }

// heartbeatBody is the body of a heartbeat that speaks for all members.
func (s *Session) heartbeatBody() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.beat
}

// Ending says that Close is about to be called: routes that cannot be had are of no
// interest any more, and are not logged. It is for a session that has one owner.
func (s *Session) Ending() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
}

func (s *Session) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// say makes the body of heartbeats anew. mu is held.
func (s *Session) say() error {
	data := headers.HeartbeatData{ClientID: s.id, Producers: s.producers()}
	var err error
	if data.Consumers, err = s.consumers(); err != nil {
		return err
	}
	if len(data.Producers) == 0 && len(data.Consumers) == 0 {
		s.beat = nil
		return nil
	}
	beat, err := data.Encode()
	if err == nil {
		s.beat = beat
	}
	return err
}

// Close tells the members that are left (Events.Closed), and ends connections, lookups
// and goroutines of the session, and with them all calls of members. It may be called
// again, and by many: each call returns when all is over. It must not be called by what
// a member has given to the session.
func (s *Session) Close() error {
	s.mu.Lock()
	again := s.closing
	s.closing, s.ending = true, true
	s.mu.Unlock()
	if again {
		<-s.closed
		return nil
	}
	s.tell(func(m *Member) {
		if m.role.Events.Closed != nil {
			m.role.Events.Closed()
		}
	})
	s.heartbeat.stop()
	// Both only wait for goroutines that they end themselves; neither can fail.
	_ = s.routes.Close()
	_ = s.client.Close()
	close(s.closed)
	return nil
}

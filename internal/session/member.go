package session

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Role is what a member is to a session.
type Role struct {
	// Producer is the producer group that heartbeats name, empty if there is none.
	Producer string

	// DefaultTopic and DefaultTopicQueues are those of routing.Table.Share, StallTimeout
	// that of transport.Client.Share.
	DefaultTopic       string
	DefaultTopicQueues int32
	StallTimeout       time.Duration

	// Seek, if there is one, finds the brokers that have to hear of the member before
	// it has sent them anything, beside those of the routes in use. It is called when
	// the member joins, when a connection was lost, and before the heartbeats to all
	// brokers, for 3 s at most, and again soon as long as found is false. It may be
	// called by one goroutine at a time.
	Seek func(ctx context.Context) (addrs []string, found bool)

	// Requests are the member's part in the requests that brokers make. Those about a
	// consumer group come only if the member is in it, see SetConsumers.
	Requests map[headers.RequestCode]RequestHandler

	// Events tell of what happens to what all members have together.
	Events Events
}

// Events are called outside of all locks by goroutines of the session, which wait for
// them. So they must return soon, and must not call Leave or Close. Any of them may be
// nil. None is called when Leave has returned.
type Events struct {
	Connected     func(addr string)
	Disconnected  func(addr string, cause error)
	RouteChanged  func(topic string, view routing.View, before, after *routing.Route)
	RefreshFailed func(topic string, view routing.View, err error)
	// Closed is called when somebody has begun to close the session: from now on
	// everything that the member asks of it fails.
	Closed func()
}

// Member is one of those who use a session. It is safe for concurrent use. Leave has to
// be called when it needs the session no longer, also if it has not joined.
type Member struct {
	s      *Session
	role   Role
	client *transport.Client
	routes *routing.Table

	// calls counts the funcs of the role that run. It is added to under Session.mu, and
	// only before the member has left.
	calls sync.WaitGroup
	// Guarded by Session.mu.
	silent    bool // heartbeats do not name it any more
	left      bool
	seeking   []string
	consumers []headers.ConsumerData
	claims    map[string]bool // consumer groups that no other member may be in
}

// NewMember returns a member that has to Join yet.
func (s *Session) NewMember(role Role) *Member {
	return &Member{
		s: s, role: role,
		client: s.client.Share(role.StallTimeout),
		routes: s.routes.Share(role.DefaultTopic, role.DefaultTopicQueues),
	}
}

// Join begins the member's part in the session: it is told of events and requests.
// Brokers that are connected hear of it at once, others when they are. The error is
// ErrClosed, or that heartbeats cannot name its group.
func (m *Member) Join() error {
	s := m.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return ErrClosed
	}
	s.members = append(s.members, m)
	if err := s.say(); err != nil {
		s.members = s.members[:len(s.members)-1]
		return err
	}
	signal(s.heartbeat.changed)
	return nil
}

// Client has the session's connections. To close it ends the member's calls alone.
func (m *Member) Client() *transport.Client { return m.client }

// Routes has the session's routes. To close it ends the member's calls alone.
func (m *Member) Routes() *routing.Table { return m.routes }

// MayBeAskedBy reports whether Role.Seek has last found a broker at addr.
func (m *Member) MayBeAskedBy(addr string) bool {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	return slices.Contains(m.seeking, addr)
}

// Leave ends the calls of the member, and its part in the session. It waits for what the
// session has called of the member's Role. It may be called again.
func (m *Member) Leave() {
	_, _ = m.routes.Close(), m.client.Close() // neither can fail
	s := m.s
	s.mu.Lock()
	m.left = true
	s.members = slices.DeleteFunc(s.members, func(other *Member) bool { return other == m })
	_ = s.say() // there is less in it than before, and that could be told
	s.mu.Unlock()
	m.calls.Wait()
}

// present returns the members.
func (s *Session) present() []*Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.members)
}

// tell calls do for each member, one after the other. A member that is not told yet may
// leave while another is told.
func (s *Session) tell(do func(m *Member)) {
	for _, m := range s.present() {
		m.call(do)
	}
}

// hold keeps the member from leaving until calls.Done. It reports false if it has left.
func (m *Member) hold() bool {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	if !m.left {
		m.calls.Add(1)
	}
	return !m.left
}

// call calls do, unless the member has left.
func (m *Member) call(do func(m *Member)) {
	if m.hold() {
		defer m.calls.Done()
		do(m)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package session

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/fanout"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// atOnce is how many brokers are sent a heartbeat at once. With it heartbeats to a
// thousand brokers that all hang take less time than the 120 s after which brokers
// close a silent connection.
const atOnce = 32

// searchPause is the time between a failed search for the brokers that members seek, or
// the loss of the connection to one, and the next search. It doubles with each failure
// until maxSearchPause.
const (
	searchPause    = time.Second
	maxSearchPause = 5 * time.Second
)

// heartbeat tells brokers that the members live: each broker when the connection to it is
// new, those that are connected when there is a new member, and all brokers of the topics
// in use every HeartbeatInterval. Those that a member seeks hear of it before it sends
// anything, and those that members consume from, masters and slaves, as soon as their
// consumer groups or the routes of their topics change. One heartbeat speaks for all
// members. One goroutine decides who gets one, run, ended by stop.
type heartbeat struct {
	s *Session

	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{} // one slot: newcomers has entries
	lost   chan struct{} // one slot: a connection was lost that has to come back
	// changed has one slot: the session has something new to say, or somebody new to say
	// it to.
	changed chan struct{}

	beats *beats

	mu        sync.Mutex // guards newcomers
	newcomers []string
}

func newHeartbeat(s *Session) *heartbeat {
	h := &heartbeat{
		s: s, done: make(chan struct{}), beats: newBeats(s),
		kick: make(chan struct{}, 1), lost: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

func (h *heartbeat) run() {
	defer close(h.done)
	ticker := time.NewTicker(h.s.cfg.HeartbeatInterval)
	defer ticker.Stop()
	search := time.NewTimer(0)
	search.Stop()
	defer search.Stop()
	pause := searchPause
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
			if h.seeks() && h.search() {
				pause = searchPause
			}
			h.beat(h.brokers())
		case <-search.C:
			if !h.search() {
				search.Reset(pause)
				pause = min(2*pause, maxSearchPause)
				continue
			}
			pause = searchPause
			h.beat(h.brokers())
		case <-h.lost:
			search.Reset(searchPause)
		case <-h.changed:
			if h.seeks() {
				search.Reset(0)
			}
			// Those that members consume from need not be connected yet.
			h.beat(onlyIn(setOf(append(h.s.client.Connected(), h.s.readAddrs()...)), h.brokers()))
		case <-h.kick:
			h.mu.Lock()
			newcomers := h.newcomers
			h.newcomers = nil
			h.mu.Unlock()
			slices.Sort(newcomers)
			// A name server is a newcomer as well, and knows no heartbeats.
			h.beat(onlyIn(setOf(h.brokers()), slices.Compact(newcomers)))
		}
	}
}

// greet asks for a heartbeat to a broker that has just been connected to. It
// does not block.
func (h *heartbeat) greet(addr string) {
	if h.beats.expects(addr) {
		return
	}
	h.mu.Lock()
	h.newcomers = append(h.newcomers, addr)
	h.mu.Unlock()
	signal(h.kick)
}

// lose asks for a heartbeat to a broker whose connection was lost: it may have
// something to ask a member, and asks those only that it has heard of; and it has taken
// the members out of their consumer groups. A broker that hangs gets none for these: each
// would cost the connection again. It does not block.
func (h *heartbeat) lose(addr string, cause error) {
	if h.beats.isUnderWay(addr) { // see beats.expects
		return
	}
	if h.seeks() || !errors.Is(cause, transport.ErrStalled) && slices.Contains(h.s.readAddrs(), addr) {
		signal(h.lost)
	}
}

// seeks reports whether a member seeks brokers.
func (h *heartbeat) seeks() bool {
	h.s.mu.Lock()
	defer h.s.mu.Unlock()
	return slices.ContainsFunc(h.s.members, (*Member).seeks)
}

func (m *Member) seeks() bool { return m.role.Seek != nil && !m.silent }

// search has the members look for the brokers that they seek, several at once. It
// reports whether all have found them.
func (h *heartbeat) search() bool {
	ctx, cancel := context.WithTimeout(h.ctx, heartbeatTimeout)
	defer cancel()
	members := h.s.present()
	failed := make([]bool, len(members))
	fanout.Each(len(members), atOnce, func(i int) {
		members[i].call(func(m *Member) {
			if m.role.Seek == nil {
				return
			}
			addrs, ok := m.role.Seek(ctx)
			if failed[i] = !ok; !ok {
				return
			}
			h.s.mu.Lock()
			m.seeking = addrs
			h.s.mu.Unlock()
		})
	})
	return !slices.Contains(failed, true)
}

// brokers returns the addresses of all brokers that are to hear of the members, each
// once.
func (h *heartbeat) brokers() []string {
	var addrs []string
	h.s.mu.Lock()
	for _, m := range h.s.members {
		if !m.silent {
			addrs = append(addrs, m.seeking...)
		}
	}
	h.s.mu.Unlock()
	for _, b := range h.s.routes.Brokers() {
		addrs = append(addrs, b.Addr)
	}
	addrs = append(addrs, h.s.readAddrs()...)
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

// Heartbeat sends a heartbeat to one broker, as Beat does. The error is the cause alone.
func (m *Member) Heartbeat(ctx context.Context, addr string) error {
	return m.s.heartbeat.beats.send(ctx, addr)
}

// Beat sends a heartbeat to each of the addresses, several at once, and waits for the
// answers: when it returns nil all of these brokers know what the session says, or know
// something later. It takes at most 6 s: 3 s for a heartbeat, and as long as that for one
// before it that is under way to the same broker. While no member has a group nothing is
// sent. The error is a *BeatError that has the brokers that failed.
func (m *Member) Beat(ctx context.Context, addrs []string) error {
	return m.s.heartbeat.each(addrs, func(addr string) error { return m.Heartbeat(ctx, addr) })
}

// each tells each of the addresses, several at once. The error is a *BeatError.
func (h *heartbeat) each(addrs []string, tell func(addr string) error) error {
	errs := make([]error, len(addrs))
	fanout.Each(len(addrs), atOnce, func(i int) {
		errs[i] = tell(addrs[i])
	})
	var failed []*HeartbeatError
	for i, err := range errs {
		if err != nil {
			failed = append(failed, &HeartbeatError{Addr: addrs[i], Err: err})
		}
	}
	if len(failed) == 0 {
		return nil // not as an error that has a type
	}
	return &BeatError{Failed: failed}
}

func setOf(addrs []string) map[string]bool {
	set := make(map[string]bool, len(addrs))
	for _, addr := range addrs {
		set[addr] = true
	}
	return set
}

// onlyIn takes the addresses that are not in the set out of the slice.
func onlyIn(set map[string]bool, addrs []string) []string {
	return slices.DeleteFunc(addrs, func(addr string) bool { return !set[addr] })
}

// beat sends a heartbeat to each address, several at once, those first that are
// connected: they answer, as a rule, and are not delayed by what has to be dialed and
// may be dead. What fails is logged: nobody waits for it, and the next beat is the next
// try.
func (h *heartbeat) beat(addrs []string) {
	if h.s.heartbeatBody() == nil {
		return // nobody to speak for
	}
	connected := setOf(h.s.client.Connected())
	slices.SortStableFunc(addrs, func(a, b string) int {
		switch {
		case connected[a] == connected[b]:
			return 0
		case connected[a]:
			return -1
		}
		return 1
	})
	fanout.Each(len(addrs), atOnce, func(i int) {
		err := h.beats.send(h.ctx, addrs[i])
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
			h.s.logger.Debug("Cannot reach RocketMQ broker", watermill.LogFields{
				"addr": addrs[i], "request": headers.CodeHeartbeat.String(), "err": err.Error(),
			})
		}
	})
}

// stop ends the heartbeat's goroutines and waits for them.
func (h *heartbeat) stop() {
	h.cancel()
	h.beats.close()
	<-h.done
}

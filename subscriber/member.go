package subscriber

import (
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// join makes the subscriber a member of the session of Config.Client, or of one of its own.
func (s *Subscriber) join(logger watermill.LoggerAdapter) error {
	cluster, err := lent.Open(s.cfg.Client, s.cfg.Cluster, logger)
	if err != nil {
		return err
	}
	s.cluster = cluster
	s.member = s.cluster.Session().NewMember(s.role())
	s.routes = s.member.Routes()
	if err = s.member.Join(); err != nil {
		s.member.Leave()
		s.cluster.CloseOwn()
	}
	if errors.Is(err, session.ErrClosed) {
		return fmt.Errorf("Config.Client: %w", ErrClosed)
	}
	return err
}

// apart is a Client that a subscriber which was lent one has beside it.
type apart struct {
	client *rocketmq.Client
	member *session.Member
}

// memberAlone claims a group that pulls. Brokers take what comes over one connection for
// one member of a group. So if another subscriber has it on the same Client, or may come back
// to it, this one gets a Client of its own, whose member is returned.
func (s *Subscriber) memberAlone(group string) (*session.Member, error) {
	claimed, err := s.member.ClaimGroup(group)
	if claimed || err != nil {
		return nil, err
	}
	own, err := rocketmq.Connect(s.cfg.Cluster, s.logger)
	if err != nil {
		return nil, err
	}
	member := own.Session().NewMember(s.role())
	if err := member.Join(); err != nil {
		member.Leave()
		_ = own.Close() // it cannot fail
		return nil, err
	}
	beside := apart{own, member}
	if _, err := member.ClaimGroup(group); err != nil {
		beside.close()
		return nil, err
	}
	s.apart = beside
	return member, nil
}

// close gives the Client back, if there is one.
func (a apart) close() {
	if a.client == nil {
		return
	}
	a.member.Goodbye(goodbyeTimeout)
	// None of these can fail.
	_, _, _ = a.member.Routes().Close(), a.member.Client().Close(), a.client.Close()
	a.member.Leave()
}

// role is what the subscriber is to its session: what happens there concerns the engine.
func (s *Subscriber) role() session.Role {
	serve := session.RequestHandler{
		Claim: func(*transport.PeerRequest) int { return 1 },
		Handle: func(request *transport.PeerRequest) {
			if made := s.engine.made.Load(); made != nil {
				made.Serve(request)
				return
			}
			_ = request.Refuse() // the connection has ended, and the peer knows
		},
	}
	return session.Role{
		Requests: map[headers.RequestCode]session.RequestHandler{
			headers.CodeConsumerIDsChanged:  serve,
			headers.CodeResetClientOffset:   serve,
			headers.CodeConsumerRunningInfo: serve,
		},
		Events: session.Events{
			Connected: func(addr string) {
				if hook := s.hooks.Connected; hook != nil {
					hook(addr)
				}
				if tell := s.engineEvents().Connected; tell != nil {
					tell(addr)
				}
			},
			Disconnected: s.disconnected,
			RouteChanged: func(topic string, view routing.View, before, after *routing.Route) {
				if hook := s.hooks.RouteChanged; hook != nil && view == routing.Reading {
					hook(topic, before, after)
				}
				if tell := s.engineEvents().RouteChanged; tell != nil {
					tell(topic, view, before, after)
				}
			},
			RefreshFailed: func(topic string, view routing.View, err error) {
				if hook := s.hooks.RouteRefreshFailed; hook != nil && view == routing.Reading {
					hook(topic, err)
				}
			},
			Closed: func() { s.endLife(ErrClosed) },
		},
	}
}

// disconnected tells the hook.
func (s *Subscriber) disconnected(addr string, cause error) {
	if hook := s.hooks.Disconnected; hook != nil {
		if errors.Is(cause, transport.ErrClosed) {
			cause = ErrClosed
		}
		hook(addr, cause)
	}
}

// engineEvents are those of the engine, none if there is no engine yet.
func (s *Subscriber) engineEvents() session.Events {
	if made := s.engine.made.Load(); made != nil {
		return made.Events()
	}
	return session.Events{}
}

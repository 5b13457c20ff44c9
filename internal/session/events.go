package session

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// logs keep apart what fails often.
type logs struct {
	connections, nameServers, routes, unusable, resolver loglimit.Limit
}

// connected introduces the members to a broker that the session has just connected to.
func (s *Session) connected(addr string) {
	s.logger.Debug("Connected to RocketMQ", watermill.LogFields{"addr": addr})
	s.tell(func(m *Member) {
		if m.role.Events.Connected != nil {
			m.role.Events.Connected(addr)
		}
	})
	for _, at := range s.BrokerAddrs(addr) {
		s.heartbeat.greet(at)
	}
}

// disconnected looks for where the broker of a lost connection is now. The loss is
// logged as other failures are: a server that accepts connections and closes them
// costs one for each attempt.
func (s *Session) disconnected(addr string, err error) {
	s.tell(func(m *Member) {
		if m.role.Events.Disconnected != nil {
			m.role.Events.Disconnected(addr, err)
		}
	})
	if errors.Is(err, transport.ErrClosed) {
		return
	}
	if missed, ok := s.logs.connections.Ask(addr, time.Now()); ok {
		s.logger.Info("Connection to RocketMQ lost", watermill.LogFields{"addr": addr, "cause": err.Error(), loglimit.Unlogged: missed})
	}
	for _, at := range s.BrokerAddrs(addr) {
		s.routes.RefreshByAddr(at)
	}
	s.heartbeat.lose(addr, err)
}

// nameServerFailed logs the first failure of a name server, and then now and then: while
// there is no route each send asks it again.
func (s *Session) nameServerFailed(addr string, err error) {
	if missed, ok := s.logs.nameServers.Ask(addr, time.Now()); ok {
		s.logger.Info("RocketMQ name server failed", watermill.LogFields{"addr": addr, "cause": err.Error(), loglimit.Unlogged: missed})
	}
}

// nameServersChanged leaves the name servers that are none any more, which the
// Java client does as well (NettyRemotingClient.updateNameServerAddressList, 5.5.0).
func (s *Session) nameServersChanged(before, after []string) {
	s.logger.Info("RocketMQ name servers changed", watermill.LogFields{"before": before, "after": after})
	for _, addr := range before {
		if !slices.Contains(after, addr) {
			s.client.Retire(addr)
		}
	}
}

// resolveFailed logs in the same way: as long as there is no name server each
// lookup calls the resolver.
func (s *Session) resolveFailed(err error) {
	if s.isEnding() {
		return
	}
	if missed, ok := s.logs.resolver.Ask("", time.Now()); ok {
		s.logger.Error("Cannot find the RocketMQ name servers, keeping the ones known, if any", err, watermill.LogFields{loglimit.Unlogged: missed})
	}
}

func (s *Session) routeChanged(topic string, view routing.View, before, route *routing.Route) {
	if view == routing.Writing {
		s.logger.Debug("Topic route changed", watermill.LogFields{
			"rocketmq_topic": topic,
			"queues":         len(route.WriteQueues()),
		})
		s.logUnusable(topic, route.Unusable())
	} else if s.consumes(topic) {
		signal(s.heartbeat.changed) // there may be a broker that does not know the members
	}
	s.tell(func(m *Member) {
		if m.role.Events.RouteChanged != nil {
			m.role.Events.RouteChanged(topic, view, before, route)
		}
	})
}

// maxUnusable is how many brokers a log line names that cannot be dialed.
const maxUnusable = 3

// logUnusable logs in the same way, in one line for all of them, that brokers of a
// topic cannot be dialed.
func (s *Session) logUnusable(topic string, brokers []*routing.BrokerAddressError) {
	if len(brokers) == 0 {
		return
	}
	if missed, ok := s.logs.unusable.Ask(topic, time.Now()); ok {
		causes := make([]string, min(len(brokers), maxUnusable))
		for i := range causes {
			causes[i] = brokers[i].Error()
		}
		s.logger.Info("RocketMQ broker cannot be used", watermill.LogFields{
			"rocketmq_topic": topic, "cause": strings.Join(causes, "; "), "brokers": len(brokers), loglimit.Unlogged: missed,
		})
	}
}

// refreshFailed logs in the same way, as each failed attempt has the route looked
// up, and tells the members each time. A session that closes needs no route: the
// connections that end with those it had would only look like trouble.
func (s *Session) refreshFailed(topic string, view routing.View, err error) {
	if s.isEnding() {
		return
	}
	s.tell(func(m *Member) {
		if m.role.Events.RefreshFailed != nil {
			m.role.Events.RefreshFailed(topic, view, err)
		}
	})
	if view == routing.Reading && !s.consumes(topic) {
		return // nobody reads it
	}
	if missed, ok := s.logs.routes.Ask(topic, time.Now()); ok {
		s.logger.Error("Cannot refresh topic route, keeping the old one", err, watermill.LogFields{"rocketmq_topic": topic, loglimit.Unlogged: missed})
	}
}

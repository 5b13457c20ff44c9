package publisher

import (
	"context"
	"errors"
	"slices"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// connected introduces the producer to a broker it has just connected to.
func (p *Publisher) connected(addr string) {
	p.logger.Debug("Connected to RocketMQ", watermill.LogFields{"addr": addr})
	if hook := p.cfg.Hooks.Connected; hook != nil {
		hook(addr)
	}
	for _, at := range p.brokerAddrs(addr) {
		p.heart.greet(at)
	}
}

// disconnected looks for where the broker of a lost connection is now.
func (p *Publisher) disconnected(addr string, err error) {
	closed := errors.Is(err, transport.ErrClosed)
	if hook := p.cfg.Hooks.Disconnected; hook != nil {
		if closed {
			hook(addr, ErrClosed)
		} else {
			hook(addr, err)
		}
	}
	if closed {
		return
	}
	p.logger.Info("Connection to RocketMQ lost", watermill.LogFields{"addr": addr, "cause": err.Error()})
	for _, at := range p.brokerAddrs(addr) {
		p.routes.RefreshByAddr(at)
	}
	p.heart.lose(addr)
}

// failureLogs keep apart what fails often.
type failureLogs struct{ brokers, nameServers, routes, resolver quiet }

// unlogged is the field that counts the failures of the same thing that were not
// logged since the one before.
const unlogged = "unlogged"

// nameServerFailed logs the first failure of a name server, and then one in
// quietFor: while there is no route each send asks it again.
func (p *Publisher) nameServerFailed(addr string, err error) {
	if missed, ok := p.quiet.nameServers.ask(addr, p.now()); ok {
		p.logger.Info("RocketMQ name server failed", watermill.LogFields{"addr": addr, "cause": err.Error(), unlogged: missed})
	}
}

// attemptFailed logs in the same way that a broker did not take messages. What
// ends with its caller, or with the publisher, is no failure.
func (p *Publisher) attemptFailed(a Attempt, s sign) {
	if s == signNone || s == signAnswered || errors.Is(a.Err, context.Canceled) || errors.Is(a.Err, transport.ErrClosed) {
		return
	}
	if missed, ok := p.quiet.brokers.ask(a.MessageQueue.BrokerName, p.now()); ok {
		p.logger.Info("RocketMQ broker failed", watermill.LogFields{
			"broker": a.MessageQueue.BrokerName, "addr": a.Addr, "cause": a.Err.Error(), unlogged: missed,
		})
	}
}

// nameServersChanged leaves the name servers that are none any more, which the
// Java client does as well (NettyRemotingClient.updateNameServerAddressList, 5.5.0).
func (p *Publisher) nameServersChanged(before, after []string) {
	p.logger.Info("RocketMQ name servers changed", watermill.LogFields{"before": before, "after": after})
	for _, addr := range before {
		if !slices.Contains(after, addr) {
			p.client.Retire(addr)
		}
	}
}

// resolveFailed logs in the same way: as long as there is no name server each
// lookup calls the resolver.
func (p *Publisher) resolveFailed(err error) {
	if p.isClosing() {
		return
	}
	if missed, ok := p.quiet.resolver.ask("", p.now()); ok {
		p.logger.Error("Cannot find the RocketMQ name servers, keeping the ones known, if any", err, watermill.LogFields{unlogged: missed})
	}
}

func (p *Publisher) routeChanged(topic string, before, route *routing.Route) {
	p.logger.Debug("Topic route changed", watermill.LogFields{
		"rocketmq_topic": topic,
		"queues":         len(route.Queues()),
	})
	for _, unusable := range route.Unusable() {
		p.logger.Info("RocketMQ broker cannot be used", watermill.LogFields{"rocketmq_topic": topic, "cause": unusable.Error()})
	}
	if hook := p.cfg.Hooks.RouteChanged; hook != nil {
		hook(topic, before, route)
	}
}

// refreshFailed logs in the same way, as each failed attempt has the route looked
// up. A publisher that closes needs no route: the connections that end with those
// it had would only look like trouble.
func (p *Publisher) refreshFailed(topic string, err error) {
	if p.isClosing() {
		return
	}
	if missed, ok := p.quiet.routes.ask(topic, p.now()); ok {
		p.logger.Error("Cannot refresh topic route, keeping the old one", err, watermill.LogFields{"rocketmq_topic": topic, unlogged: missed})
	}
}

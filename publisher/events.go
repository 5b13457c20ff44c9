package publisher

import (
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

func (p *Publisher) nameServerFailed(addr string, err error) {
	p.logger.Info("RocketMQ name server failed", watermill.LogFields{"addr": addr, "cause": err.Error()})
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

func (p *Publisher) resolveFailed(err error) {
	p.logger.Error("Cannot find the RocketMQ name servers, keeping the ones known", err, nil)
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

func (p *Publisher) refreshFailed(topic string, err error) {
	p.logger.Error("Cannot refresh topic route, keeping the old one", err, watermill.LogFields{"rocketmq_topic": topic})
}

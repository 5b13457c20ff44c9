package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// join makes the publisher a member of the session of Config.Client, or of one of its own.
func (p *Publisher) join() error {
	cluster, err := lent.Open(p.cfg.Client, p.cfg.Cluster, p.logger)
	if err != nil {
		return err
	}
	p.cluster = cluster
	p.session = p.cluster.Session()
	p.member, p.signer = p.session.NewMember(p.role()), p.session.Signer()
	p.client, p.routes = p.member.Client(), p.member.Routes()
	if err = p.member.Join(); err != nil {
		p.member.Leave()
		p.cluster.CloseOwn()
	}
	if errors.Is(err, session.ErrClosed) {
		return fmt.Errorf("Config.Client: %w", ErrClosed)
	}
	return err
}

// role is what the publisher is to its session.
func (p *Publisher) role() session.Role {
	role := session.Role{
		Producer:           p.cfg.ProducerGroup,
		DefaultTopic:       p.cfg.AutoCreate.DefaultTopic,
		DefaultTopicQueues: int32(p.cfg.AutoCreate.Queues),
		StallTimeout:       p.cfg.stallTimeout(),
		Requests: map[headers.RequestCode]session.RequestHandler{
			headers.CodeCheckTransactionState: {Claim: p.checkbacks.claim, Handle: p.checkbacks.request},
		},
		Events: session.Events{
			Connected:     p.hooks.Connected,
			Disconnected:  p.disconnected,
			RouteChanged:  p.routeChanged,
			RefreshFailed: p.refreshFailed,
			Closed:        p.cutOff,
		},
	}
	if p.HasTransactionCheck() {
		role.Seek = p.seekBrokers
	}
	return role
}

// disconnected tells the hook.
func (p *Publisher) disconnected(addr string, cause error) {
	if hook := p.hooks.Disconnected; hook != nil {
		if errors.Is(cause, transport.ErrClosed) {
			cause = ErrClosed
		}
		hook(addr, cause)
	}
}

// routeChanged tells the hook of what concerns a publisher.
func (p *Publisher) routeChanged(topic string, view routing.View, before, route *routing.Route) {
	if hook := p.hooks.RouteChanged; hook != nil && view == routing.Writing {
		hook(topic, before, route)
	}
}

// refreshFailed tells the hook of what concerns a publisher. One that closes needs no
// route.
func (p *Publisher) refreshFailed(topic string, view routing.View, err error) {
	if hook := p.hooks.RouteRefreshFailed; hook != nil && view == routing.Writing && !p.isClosing() {
		hook(topic, err)
	}
}

// seekBrokers looks for the brokers that may have transactions of the group: those of
// Config.Transaction.Topics, whose routes it keeps in the table, or all of the
// cluster. It reports whether all were found.
func (p *Publisher) seekBrokers(ctx context.Context) (addrs []string, found bool) {
	topics := p.cfg.Transaction.Topics
	for _, topic := range topics {
		mapped, err := p.mapTopic(topic)
		if err == nil {
			_, err = p.routes.Route(ctx, mapped.Name)
		}
		if err != nil {
			p.unfound(ctx, err)
			return nil, false
		}
	}
	if len(topics) > 0 {
		return nil, true
	}
	brokers, err := p.routes.ClusterBrokers(ctx)
	if err != nil {
		p.unfound(ctx, err)
		return nil, false
	}
	addrs = make([]string, len(brokers))
	for i, b := range brokers {
		addrs[i] = b.Addr
	}
	return addrs, len(addrs) > 0
}

func (p *Publisher) unfound(ctx context.Context, err error) {
	if errors.Is(err, routing.ErrClosed) || errors.Is(ctx.Err(), context.Canceled) {
		return // the publisher or its session is closing
	}
	if missed, ok := p.logs.search.Ask("", time.Now()); ok {
		p.logger.Info("Cannot find the RocketMQ brokers that may ask about transactions", watermill.LogFields{"err": err.Error(), loglimit.Unlogged: missed})
	}
}

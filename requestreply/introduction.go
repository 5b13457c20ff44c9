package requestreply

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// introductionTime is how long a request waits for brokers to know its requester. A broker
// that hangs is not waited for any longer: it may not be the one that gets the request. And
// requests do not wait for it again for as long as failedFor.
const (
	introductionTime = time.Second
	failedFor        = 30 * time.Second
)

// introduction sees to it that brokers know the requester, by a heartbeat, before they have
// a request of it (DefaultMQProducerImpl.prepareSendRequest of 5.5.0 does so for the first
// request to a topic). A reply may be there within a millisecond, and is lost if the broker
// does not know to whom it goes. Heartbeats to brokers that are connected to later, or
// again, and every 30 s, are the session's.
type introduction struct {
	member *session.Member
	turn   chan struct{} // whoever has put a token there introduces

	mu sync.Mutex // guards what follows
	// told are the brokers that have had a heartbeat, or have not answered one.
	told map[string]bool
	// failed is when those have last not answered one.
	failed map[string]time.Time
	// routes are those of topics whose brokers are all told.
	routes map[string]*routing.Route
}

func newIntroduction(member *session.Member) *introduction {
	return &introduction{
		member: member, turn: make(chan struct{}, 1),
		told: make(map[string]bool), failed: make(map[string]time.Time), routes: make(map[string]*routing.Route),
	}
}

// forget is told that a connection has ended, and with it what the broker at one of these
// addresses knew.
func (i *introduction) forget(addrs []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, at := range addrs {
		delete(i.told, at) // those that never come back stay: a cluster has few addresses
	}
	clear(i.routes)
}

// to introduces the requester to the brokers of a topic, if need be. Of a topic that has no
// route those of the cluster are meant: it may be created on any of them.
func (i *introduction) to(ctx context.Context, topic string) {
	route, err := i.member.Routes().Route(ctx, topic)
	if err == nil && i.isKnown(topic, route) {
		return
	}
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return
	}
	ctx, cancel := context.WithTimeout(ctx, introductionTime)
	defer cancel()
	var brokers []routing.Broker
	if err == nil {
		brokers = route.Brokers()
	} else if brokers, err = i.member.Routes().ClusterBrokers(ctx); err != nil {
		return
	}
	// One that has failed is connected to by whoever sends to it, and is told then.
	i.fail(i.member.Beat(ctx, i.untold(brokers)))
	if route != nil {
		i.know(topic, route)
	}
}

// isKnown reports whether all brokers of the route have been told.
func (i *introduction) isKnown(topic string, route *routing.Route) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.routes[topic] == route
}

// untold returns the addresses of those that are to be told, and notes that they are. A
// connection that ends meanwhile takes that back.
func (i *introduction) untold(brokers []routing.Broker) (addrs []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, b := range brokers {
		if i.told[b.Addr] {
			continue
		}
		i.told[b.Addr] = true
		if at, failed := i.failed[b.Addr]; !failed || time.Since(at) >= failedFor {
			delete(i.failed, b.Addr)
			addrs = append(addrs, b.Addr)
		}
	}
	return addrs
}

// fail notes the brokers that have not answered.
func (i *introduction) fail(err error) {
	var failed *session.BeatError
	if !errors.As(err, &failed) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, one := range failed.Failed {
		if len(i.failed) >= maxRoutes {
			clear(i.failed)
		}
		i.failed[one.Addr] = time.Now()
	}
}

// maxRoutes bounds how many topics are noted, and brokers that have failed.
const maxRoutes = 1 << 12

// know notes that the brokers of a topic have been told, unless one has been lost since.
func (i *introduction) know(topic string, route *routing.Route) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, b := range route.Brokers() {
		if !i.told[b.Addr] {
			return
		}
	}
	if len(i.routes) >= maxRoutes {
		clear(i.routes)
	}
	i.routes[topic] = route
}

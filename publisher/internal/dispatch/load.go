package dispatch

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// load counts the requests of a topic that each of its brokers has in work.
type load struct {
	route   *routing.Route // that names is from
	names   []string       // of the brokers with queues
	busy    []brokerLoad
	avoided []string // scratch space of avoid
}

// brokerLoad is a broker with requests in work.
type brokerLoad struct {
	name     string
	requests int
}

// brokers is the number of brokers with queues, 1 before a route is known.
func (l *load) brokers() int { return max(1, len(l.names)) }

// avoid returns the brokers of the route that have more requests in work than
// another one has. The slice is good until the next call.
func (l *load) avoid(route *routing.Route) []string {
	l.follow(route)
	l.avoided = l.avoided[:0]
	if len(l.busy) == 0 || len(l.names) < 2 {
		return l.avoided
	}
	least := l.of(l.names[0])
	for _, name := range l.names[1:] {
		least = min(least, l.of(name))
	}
	for _, b := range l.busy {
		if b.requests > least {
			l.avoided = append(l.avoided, b.name)
		}
	}
	return l.avoided
}

func (l *load) follow(route *routing.Route) {
	if l.route == route {
		return
	}
	l.route, l.names = route, l.names[:0]
	for i, queue := range route.WriteQueues() {
		if i > 0 && queue.BrokerName == route.WriteQueues()[i-1].BrokerName {
			continue // as most are: there may be thousands
		}
		if !slices.Contains(l.names, queue.BrokerName) {
			l.names = append(l.names, queue.BrokerName)
		}
	}
}

func (l *load) of(name string) int {
	if at := l.index(name); at >= 0 {
		return l.busy[at].requests
	}
	return 0
}

func (l *load) index(name string) int {
	return slices.IndexFunc(l.busy, func(b brokerLoad) bool { return b.name == name })
}

func (l *load) add(name string) {
	if at := l.index(name); at >= 0 {
		l.busy[at].requests++
		return
	}
	l.busy = append(l.busy, brokerLoad{name, 1})
}

func (l *load) remove(name string) {
	at := l.index(name)
	l.busy[at].requests--
	if l.busy[at].requests == 0 {
		l.busy = slices.Delete(l.busy, at, at+1)
	}
}

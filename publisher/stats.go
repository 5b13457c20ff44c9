package publisher

import rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"

// Stats is what a Publisher has at a moment, for gauges. Config.Hooks are for what happens.
type Stats struct {
	// Waiting is what Config.Waiting bounds: the messages that were let in and have no
	// result yet, those that are being sent among them, and the bytes that they are counted
	// with.
	Waiting WaitingConfig
	// Calls is how many calls are under way that Close would wait for: Publish and its
	// like, those that wait to be let in among them, asynchronous ones until OnResult has
	// been told, and what Hold holds.
	Calls int
	// Requests is how many send requests are under way.
	Requests int
	// Transactions is how many transactions are open.
	Transactions int
	// Client is about the Config.Client, or the Publisher's own.
	Client rocketmq.ClientStats
}

// Stats returns what the Publisher has at the moment. It waits for nothing but short locks,
// and is made for being called every few seconds. It may be called after Close.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	calls := p.inFlight
	p.mu.Unlock()
	return Stats{
		Waiting:      WaitingConfig(p.gate.Inside()),
		Calls:        calls,
		Requests:     int(p.inRequests.Load()),
		Transactions: p.open.count(),
		Client:       p.cluster.Stats(),
	}
}

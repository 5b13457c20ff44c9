package publisher

import "time"

// What of a publisher's inside the promise tests look at.

// Inside is what the gate counts as not yet published.
func Inside(p *Publisher) WaitingConfig {
	p.gate.mu.Lock()
	defer p.gate.mu.Unlock()
	return p.gate.inside
}

// Outboxes is the number of topics that the publisher keeps an outbox for.
func Outboxes(p *Publisher) int {
	p.outboxes.mu.RLock()
	defer p.outboxes.mu.RUnlock()
	return len(p.outboxes.byTopic)
}

// NeverHurry lets messages wait behind a request for as long as it takes. It has
// to be called before the first Publish.
func NeverHurry(p *Publisher) { p.hurryAfter = 100 * time.Hour }

package publisher

import "time"

// What of a publisher's inside the promise tests look at.

// Inside is what the gate counts as not yet published.
func Inside(p *Publisher) WaitingConfig {
	return WaitingConfig(p.gate.Inside())
}

// Topics is the number of topics that the publisher's engine keeps something for.
func Topics(p *Publisher) int { return p.engine.Topics() }

// NeverHurry lets messages wait behind a request for as long as it takes. It has
// to be called before the first Publish.
func NeverHurry(p *Publisher) {
	if p.hurryAfter == 0 {
		p.hurryAfter = 100 * time.Hour
		p.engine = p.newEngine()
	}
}

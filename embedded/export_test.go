package embedded

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/commitlog"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// WithFiles has brokers with Dir open the files of their logs by other means.
func WithFiles(open commitlog.Opener) Option { return func(c *config) { c.openFile = open } }

// WithDiskUsage has brokers with WithDiskLimits, which comes before, believe that so much of
// their disk is used.
func WithDiskUsage(usage func(dir string) (float64, error)) Option {
	return func(c *config) { c.limits.Usage = usage }
}

// Accepted is a send to queue 0 of a topic that is accepted, and stored when the function is
// called.
func (b *Broker) Accepted(topic string) (store func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.topics[topic]
	return func() error {
		raw, err := body.AppendStored(nil, &body.StoredMessage{Topic: topic, BornHost: b.host(), StoreHost: b.host(), Body: []byte("late")})
		if err != nil {
			return err
		}
		_, err = b.put(t, 0, []entry{{Raw: raw}})
		return err
	}
}

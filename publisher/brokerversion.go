package publisher

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// brokerVersion returns the version that the broker at addr says it is. It is in
// every answer, so mostly nothing has to be asked; on a connection that has
// brought none yet a heartbeat does.
func (p *Publisher) brokerVersion(ctx context.Context, addr string) (headers.Version, error) {
	if version := p.client.PeerVersion(addr); version != 0 {
		return version, nil
	}
	answer, err := p.client.Invoke(ctx, addr, headers.Heartbeat{}, p.heart.data)
	if err != nil {
		return 0, &versionError{err}
	}
	return answer.Version, nil // whatever the answer's code is
}

// versionError means that it is not known what a broker can do. No message was
// sent, whatever is in the error it wraps.
type versionError struct{ err error }

func (e *versionError) Error() string { return "cannot ask broker for its version: " + e.err.Error() }

func (e *versionError) Unwrap() error { return e.err }

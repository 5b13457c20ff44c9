package session

import (
	"context"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Version returns the version that the broker at addr says it is. It is in
// every answer, so mostly nothing has to be asked; on a connection that has
// brought none yet a heartbeat does. The error is a *VersionError.
func (m *Member) Version(ctx context.Context, addr string) (headers.Version, error) {
	if version := m.client.PeerVersion(addr); version != 0 {
		return version, nil
	}
	// It names no group: only beats says which there are, in the right order.
	body, err := (&headers.HeartbeatData{ClientID: m.s.id}).Encode()
	if err != nil {
		return 0, &VersionError{err}
	}
	answer, err := m.client.Invoke(ctx, addr, headers.Heartbeat{}, body)
	if err != nil {
		return 0, &VersionError{err}
	}
	return answer.Version, nil // whatever the answer's code is
}

// VersionError means that it is not known what a broker can do. What it was to be known
// for was not sent, whatever is in the error it wraps.
type VersionError struct{ Err error }

// Error has the cause in it.
func (e *VersionError) Error() string { return "cannot ask broker for its version: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *VersionError) Unwrap() error { return e.Err }

// Question returns the cause to package verdict: it is that of a request which came before.
func (e *VersionError) Question() error { return e.Err }

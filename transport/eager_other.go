//go:build !unix

package transport

import "net"

// eagerWriter is for systems where a write to a socket can be told not to wait.
type eagerWriter struct{}

// newEagerWriter returns nil.
func newEagerWriter(net.Conn) *eagerWriter { return nil }

// write is not called.
func (*eagerWriter) write([]byte) (int, error) { return 0, nil }

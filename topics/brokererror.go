package topics

import "fmt"

// BrokerError is what went wrong with one broker: a *headers.StatusError, an
// *rocketmq.UnsupportedError, a *transport.OpError, or one of those that mean that access
// or a certificate was refused.
type BrokerError struct {
	Broker string
	Addr   string
	Err    error
}

// Error names the broker, its address and the cause.
func (e *BrokerError) Error() string { return fmt.Sprintf("%s (%s): %v", e.Broker, e.Addr, e.Err) }

// Unwrap returns the cause.
func (e *BrokerError) Unwrap() error { return e.Err }

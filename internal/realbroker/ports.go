package realbroker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are looked for below the ranges that systems take ports of outgoing
// connections from (32768 on Linux, 49152 elsewhere), so that no connection
// sits on one between the look and its use.
const (
	lowestPort  = 10000
	highestPort = 32000
)

// freePort returns a port p such that p and p plus each of the offsets are free
// now. Chance keeps apart test processes that look at the same moment; whoever
// uses the ports has to be ready to try others nevertheless.
func freePort(offsets ...int) (int, error) {
	const attempts = 100
	var err error
	for range attempts {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if err = tryPorts(port, offsets); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free ports after %d attempts: %w", attempts, err)
}

// tryPorts listens on all interfaces, as RocketMQ does.
func tryPorts(port int, offsets []int) (err error) {
	for _, offset := range append([]int{0}, offsets...) {
		listener, listenErr := net.Listen("tcp", fmt.Sprintf(":%d", port+offset))
		if listenErr != nil {
			return listenErr
		}
		defer func() { err = errors.Join(err, listener.Close()) }()
	}
	return nil
}

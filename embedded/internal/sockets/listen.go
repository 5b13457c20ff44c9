package sockets

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// AnyPort stands for a port that Listen picks.
const AnyPort = "127.0.0.1:0"

// Ports are picked below the ranges that systems take the ports of outgoing
// connections from (32768 on Linux, 49152 elsewhere). A server that stops can then
// start again at its address: no connection has taken the port meanwhile.
const (
	lowestPort  = 10000
	highestPort = 32000
)

// Listen listens on addr, or on a free port where addr is AnyPort.
func Listen(addr string) (net.Listener, error) {
	if addr != AnyPort {
		return net.Listen("tcp", addr)
	}
	const attempts = 100
	var err error
	for range attempts {
		var listener net.Listener
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("no free port after %d attempts: %w", attempts, err)
}

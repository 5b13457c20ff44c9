package sockets

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// AnyPort stands for a port of loopback that Listen picks.
const AnyPort = "127.0.0.1:0"

// Ports are picked below the ranges that systems take the ports of outgoing
// connections from (32768 on Linux, 49152 elsewhere). A server that stops can then
// start again at its address: no connection has taken the port meanwhile.
const (
	lowestPort  = 10000
	highestPort = 32000
)

// Listen listens on addr, or on a free port of its host where the port is 0.
func Listen(addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port != "0" {
		return net.Listen("tcp", addr)
	}
	const attempts = 100
	for range attempts {
		var listener net.Listener
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		listener, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("no free port after %d attempts: %w", attempts, err)
}

// FreeBeside is a free port of the host of addr, for Listen.
func FreeBeside(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return AnyPort
	}
	return net.JoinHostPort(host, "0")
}

package session

import (
	"net"
	"strconv"
)

// vipOffset is how far the port that brokers keep for clients in a hurry is below
// the one they register (MixAll.brokerVIPChannel, 5.5.0).
const vipOffset = 2

// SendAddr is where messages for the broker at addr are sent to.
func (s *Session) SendAddr(addr string) string {
	if !s.cfg.VIPChannel {
		return addr
	}
	return shiftPort(addr, -vipOffset)
}

// BrokerAddrs returns the addresses that the broker at the other end of a
// connection may be registered under.
func (s *Session) BrokerAddrs(addr string) []string {
	if !s.cfg.VIPChannel {
		return []string{addr}
	}
	return []string{addr, shiftPort(addr, vipOffset)}
}

// shiftPort returns addr with another port. One that is no number stays as it
// is; one that comes out below 1 cannot be dialed, and that error will say so.
func shiftPort(addr string, by int) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return addr
	}
	return net.JoinHostPort(host, strconv.Itoa(n+by))
}

package sockets

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrStopped means that a server was stopped while it was starting.
var ErrStopped = errors.New("stopped while it was starting")

// StartPair starts two servers, the main one at addr and the other one so many ports below. The
// term is the main one's.
func StartPair[C Conn](main, other *Server[C], addr string, below uint16) (term int, err error) {
	const attempts = 10 // the system picks the first port without a look at the second
	var failure error
	for range attempts {
		if term, err = main.Start(addr); err != nil {
			return 0, err
		}
		otherTerm := 0
		var at netip.AddrPort
		if at, err = netip.ParseAddrPort(main.Addr()); err == nil {
			otherTerm, err = other.Start(netip.AddrPortFrom(at.Addr(), at.Port()-below).String())
		}
		if err == nil {
			if main.Runs(term) {
				return term, nil
			}
			other.StopTerm(otherTerm) // the stop came too early for it
			return 0, ErrStopped
		}
		failure = err
		main.StopTerm(term)
		if wanted, parseErr := netip.ParseAddrPort(addr); parseErr != nil || wanted.Port() != 0 {
			break
		}
	}
	return 0, fmt.Errorf("VIP port: %w", failure)
}

package embedded

import (
	"errors"
	"fmt"
	"net/netip"
)

// vipOffset is how far a broker's VIP port is below the one it registers
// (BrokerController.initializeRemotingServer of 5.5.0).
const vipOffset = 2

// WithVIPPort has each broker listen on a second port as well, two below the one
// in the routes, as real brokers do. Stats and Request.Server name it after the
// broker, such as "broker-a-vip". Without it there is only the first.
func WithVIPPort() Option { return func(c *config) { c.vipPort = true } }

var errStopped = errors.New("stopped while it was starting")

// listen starts the broker's servers, the main one at addr.
func (b *Broker) listen(addr string) error {
	if b.vip == nil {
		_, err := b.srv.start(addr)
		return err
	}
	const attempts = 10 // the system picks the first port without a look at the second
	var failure error
	for range attempts {
		term, err := b.srv.start(addr)
		if err != nil {
			return err
		}
		vipTerm := 0
		var main netip.AddrPort
		if main, err = netip.ParseAddrPort(b.srv.address()); err == nil {
			vipTerm, err = b.vip.start(netip.AddrPortFrom(main.Addr(), main.Port()-vipOffset).String())
		}
		if err == nil {
			if b.srv.runs(term) {
				return nil
			}
			b.vip.stopTerm(vipTerm) // the stop came too early for it
			return errStopped
		}
		failure = err
		b.srv.stopTerm(term)
		if wanted, parseErr := netip.ParseAddrPort(addr); parseErr != nil || wanted.Port() != 0 {
			break
		}
	}
	return fmt.Errorf("VIP port: %w", failure)
}

// halt stops the broker's servers.
func (b *Broker) halt() {
	b.srv.stop()
	if b.vip != nil {
		b.vip.stop()
	}
}

// servers are those of the broker.
func (b *Broker) servers() []*server {
	if b.vip == nil {
		return []*server{b.srv}
	}
	return []*server{b.srv, b.vip}
}

// connections returns the open connections of all the broker's servers.
func (b *Broker) connections() []*conn {
	var all []*conn
	for _, s := range b.servers() {
		all = append(all, s.connections()...)
	}
	return all
}

package embedded

import (
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

// listen starts the broker's servers, the main one at addr.
func (b *Broker) listen(addr string) error {
	if b.vip == nil {
		return b.srv.start(addr)
	}
	const attempts = 10 // the system picks the first port without a look at the second
	var err error
	for range attempts {
		if err = b.srv.start(addr); err != nil {
			return err
		}
		var main netip.AddrPort
		if main, err = netip.ParseAddrPort(b.srv.address()); err == nil {
			err = b.vip.start(netip.AddrPortFrom(main.Addr(), main.Port()-vipOffset).String())
		}
		if err == nil {
			return nil
		}
		b.srv.stop()
		if wanted, parseErr := netip.ParseAddrPort(addr); parseErr != nil || wanted.Port() != 0 {
			break
		}
	}
	return fmt.Errorf("VIP port: %w", err)
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

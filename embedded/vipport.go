package embedded

import (
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
)

// vipOffset is how far a broker's VIP port is below the one it registers
// (BrokerController.initializeRemotingServer of 5.5.0).
const vipOffset = 2

// WithVIPPort has each broker listen on a second port as well, two below the one
// in the routes, as real brokers do. Stats and Request.Server name it after the
// broker, such as "broker-a-vip". Without it there is only the first.
func WithVIPPort() Option { return func(c *config) { c.vipPort = true } }

// listen starts the broker's servers, the main one at addr. The term is the main one's.
func (b *Broker) listen(addr string) (term int, err error) {
	if b.vip == nil {
		return b.srv.Start(addr)
	}
	return sockets.StartPair(b.srv.Server, b.vip.Server, addr, vipOffset)
}

// halt stops the broker's servers.
func (b *Broker) halt() {
	b.srv.Stop()
	if b.vip != nil {
		b.vip.Stop()
	}
}

// servers are those of the broker.
func (b *Broker) servers() []*server {
	if b.vip == nil {
		return []*server{b.srv}
	}
	return []*server{b.srv, b.vip}
}

// connections returns the open connections of all the broker's servers, of each in the order
// of their clients' addresses.
func (b *Broker) connections() []*conn {
	var all []*conn
	for _, s := range b.servers() {
		all = append(all, slices.SortedFunc(slices.Values(s.Connections()), func(a, b *conn) int {
			return strings.Compare(a.RemoteText, b.RemoteText)
		})...)
	}
	return all
}

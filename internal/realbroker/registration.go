package realbroker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// urgeInterval is how long a broker is left alone to register by itself.
const urgeInterval = 500 * time.Millisecond

// registered says, by an error, that a name server that answers does not know
// the broker yet, or that the broker does not listen. It asks for the topic that
// is named after the broker, which every broker has, even one that creates no
// topics by itself.
func (c *Cluster) registered(ctx context.Context, b *Broker) error {
	_, port, err := net.SplitHostPort(b.Addr)
	if err != nil {
		return err
	}
	for _, ns := range c.nameServers {
		if !ns.reachable() {
			continue
		}
		_, body, err := askRoute(ctx, ns.addr, b.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", ns.name, err)
		}
		if !bytes.Contains(body, []byte(":"+port+`"`)) { // BrokerProps may have another brokerIP1
			return fmt.Errorf("%s has no route to %s yet", ns.name, b.Name)
		}
	}
	// In its first second a broker of 4.9 has no statistics, and fails where they are
	// asked for (StoreStatsService).
	code, _, err := b.ask(ctx, getBrokerRuntimeInfo, nil, nil)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s does not tell its running time yet: code %d", b.Name, code)
	}
	return err
}

// registration returns a function for polling that is registered, but urges the
// broker when that takes long. A 5.x broker registers as it starts, but only with
// the name servers that another thread of it has connected to by then, and it
// often is too early. Its next attempt is ten seconds later.
func (c *Cluster) registration(b *Broker) func(ctx context.Context) error {
	urged := time.Now()
	return func(ctx context.Context) error {
		err := c.registered(ctx, b)
		if err != nil && time.Since(urged) >= urgeInterval {
			urged = time.Now()
			return errors.Join(err, b.urge(ctx))
		}
		return err
	}
}

// urge makes the broker register now, by setting its permission to what it is.
func (b *Broker) urge(ctx context.Context) error {
	_, config, err := b.ask(ctx, getBrokerConfig, nil, nil)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(config) {
		if !bytes.HasPrefix(line, []byte("brokerPermission=")) {
			continue
		}
		_, _, err = b.ask(ctx, updateBrokerConfig, nil, line)
		return err
	}
	// Refused, when the broker wants to know who asks: it will register in time.
	return nil
}

package routing

import (
	"context"
	"errors"
)

// ClusterBrokers asks the name servers for all brokers that are registered with
// them, and returns those that have a master with an address that can be dialed,
// sorted by name. Nothing is cached.
// The error is or wraps *NameServersError, ErrClosed, or the cause of ctx's end.
// Without any broker there is no error.
func (t *Table) ClusterBrokers(ctx context.Context) ([]Broker, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	infos, err := t.cache.servers.registered(ctx, "")
	switch {
	case errors.Is(err, errNoBrokers):
		return nil, nil
	case t.ctx.Err() != nil:
		return nil, ErrClosed
	case err != nil:
		return nil, err
	}
	var brokers []Broker
	for _, b := range infos {
		if addr, ok := b.Master(); ok && checkAddr(addr) == nil {
			brokers = append(brokers, Broker{Name: b.Name, Addr: addr})
		}
	}
	return brokers, nil
}

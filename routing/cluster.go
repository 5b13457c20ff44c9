package routing

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// ClusterBrokers asks the name servers for all brokers that are registered with
// them, and returns those that have a master, sorted by name. Nothing is cached.
// The error is or wraps *NameServersError, ErrClosed, or the cause of ctx's end.
// Without any broker there is no error.
func (t *Table) ClusterBrokers(ctx context.Context) ([]Broker, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	var brokers []Broker
	err := t.servers.ask(ctx, "", clusterRequest{}, func(answer *headers.Command) error {
		if err := answer.Err(); err != nil {
			return err
		}
		var err error
		brokers, err = parseClusterBrokers(answer.Body)
		return err
	})
	switch {
	case errors.Is(err, errNoBrokers):
		return nil, nil
	case t.ctx.Err() != nil:
		return nil, ErrClosed
	case err != nil:
		return nil, err
	}
	return brokers, nil
}

// parseClusterBrokers reads the masters from a body of ClusterInfo. It returns
// errNoBrokers if no broker at all is registered.
func parseClusterBrokers(body []byte) ([]Broker, error) {
	if err := parseClusterInfo(body); err != nil {
		return nil, err
	}
	var info struct {
		BrokerAddrTable map[string]brokerData `json:"brokerAddrTable"`
	}
	if err := decode(body, &info); err != nil {
		return nil, fmt.Errorf("routing: cluster info: %w: %w", headers.ErrMalformed, err)
	}
	var brokers []Broker
	for name, b := range info.BrokerAddrTable {
		if addr := b.BrokerAddrs[masterID]; addr != "" {
			brokers = append(brokers, Broker{Name: name, Addr: addr})
		}
	}
	slices.SortFunc(brokers, Broker.compareName)
	return brokers, nil
}

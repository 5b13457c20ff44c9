// Package lent is about the rocketmq.Client that a publisher or a subscriber works with: one
// that it was lent, or one of its own.
package lent

import (
	"reflect"

	"github.com/ThreeDotsLabs/watermill"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
)

// Client is a Client, and whether it has to be closed.
type Client struct {
	*rocketmq.Client
	own bool
}

// Open returns the Client that was lent, or one that it makes if there is none.
func Open(client *rocketmq.Client, cluster rocketmq.Cluster, logger watermill.LoggerAdapter) (Client, error) {
	if client != nil {
		return Client{client, false}, nil
	}
	own, err := rocketmq.Connect(cluster, logger)
	return Client{own, true}, err
}

// IsOwn reports whether Open has made the Client.
func (c Client) IsOwn() bool { return c.own }

// CloseOwn closes the Client if Open has made it.
func (c Client) CloseOwn() {
	if c.own {
		_ = c.Close() // it cannot fail
	}
}

// Check adds a fault for a Client that is none, and for a second cluster beside it: the
// fields Client and Cluster of a configuration before its defaults are set. It reports
// whether the Client can be used; nil can.
func Check(l *faults.List, client *rocketmq.Client, cluster rocketmq.Cluster) bool {
	switch {
	case client == nil:
	case client.Session() == nil:
		l.Add("Client is not one that rocketmq.Connect has returned")
		return false
	case !reflect.ValueOf(cluster).IsZero():
		l.Add("Client and Cluster are both set, want one of them")
	}
	return true
}

package rocketmq

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
)

// Client is what a program has in common for all that it does with a cluster: one
// connection to each server, one cache of routes, and one heartbeat to each broker that
// names the groups of all. Make it with Connect. It is safe for concurrent use.
//
// A program makes one for each cluster and lends it to any number of publishers and
// subscribers, as publisher.Config.Client and subscriber.Config.Client. Two Clients have
// nothing in common, also if they are of the same cluster. Whoever has made a Client closes
// it, after those that it was lent to. Who was lent none makes one of its own, and closes it.
type Client struct {
	cluster Cluster
	session *session.Session
}

// Connect returns a Client of the cluster. It checks the Cluster and needs no network: a
// connection is made when there is something to send. A Cluster.Resolver is called at
// once, in the background. A nil logger logs nothing.
func Connect(cluster Cluster, logger watermill.LoggerAdapter) (*Client, error) {
	if err := cluster.Validate(); err != nil {
		return nil, err
	}
	cluster = cluster.WithDefaults()
	if logger == nil {
		logger = watermill.NopLogger{}
	}
	own, err := session.New(cluster.session(), logger)
	if err != nil {
		return nil, fmt.Errorf("rocketmq: %w", err)
	}
	return &Client{cluster: cluster, session: own}, nil
}

// Cluster returns the cluster, with its defaults set.
func (c *Client) Cluster() Cluster { return c.cluster }

// String is the same for every Client, so that logs and metrics keep one label.
func (c *Client) String() string { return "rocketmq.Client" }

// Close ends the connections and goroutines of the Client. Publishers that are still open
// fail from then on: what they are at ends with an error that matches
// publisher.ErrClosed. The channels of subscribers are closed. They have to be closed all the
// same. Close may be called again and
// by many goroutines; each call returns when all is over, with nil. It must not be called
// by a hook.
func (c *Client) Close() error { return c.session.Close() }

// Session is for the packages of this module. Others cannot name what it returns, which
// may change with every version.
func (c *Client) Session() *session.Session { return c.session }

// session is the cluster in the words of package session, which cannot import this one.
func (c Cluster) session() session.Config {
	cfg := session.Config{
		NameServers:     c.NameServers,
		Resolver:        c.Resolver,
		ResolveInterval: c.ResolveInterval,

		Dial:          c.Dial,
		TLS:           c.TLS,
		DialTimeout:   c.DialTimeout,
		Serialization: c.Headers.Serialization(),

		VIPChannel:  c.VIPChannel,
		NamespaceV2: c.NamespaceV2,
		TooOld: func(addr string, version headers.Version) error {
			return &UnsupportedError{Feature: FeatureNamespaceV2, Addr: addr, Version: version, Since: "5.0.0"}
		},

		HeartbeatInterval:    c.HeartbeatInterval,
		RouteRefreshInterval: c.RouteRefreshInterval,
	}
	if c.Credentials != nil {
		cfg.Keys = keysOf(c.Credentials)
	}
	return cfg
}

// keysOf returns a func that asks the provider for the credentials of the next request.
func keysOf(provider CredentialsProvider) func(ctx context.Context) (session.Keys, error) {
	return func(ctx context.Context) (session.Keys, error) {
		keys, err := provider.Credentials(ctx)
		if err != nil && ctx.Err() != nil {
			return session.Keys{}, fmt.Errorf("no credentials in time: %w", err)
		}
		if err == nil {
			err = keys.Validate()
		}
		if err != nil {
			return session.Keys{}, &CredentialsError{Err: err}
		}
		return session.Keys{AccessKey: keys.AccessKey, SecretKey: keys.SecretKey.Reveal(), SecurityToken: keys.SecurityToken.Reveal()}, nil
	}
}

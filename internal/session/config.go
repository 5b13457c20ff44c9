package session

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Config is what a cluster has to be known by. It is rocketmq.Cluster in the words of
// the packages below, with its defaults set; rocketmq.Connect makes the one of the other.
type Config struct {
	// Where the name servers are, as in routing.Config.
	NameServers     []string
	Resolver        routing.Resolver
	ResolveInterval time.Duration

	// How connections are made, as in transport.Config.
	Dial          transport.Dialer
	TLS           *tls.Config
	DialTimeout   time.Duration
	Serialization headers.Serialization

	// VIPChannel has requests go to the second port of brokers, see SendAddr.
	VIPChannel bool
	// NamespaceV2 is put into every request, unless it is empty.
	NamespaceV2 string
	// TooOld makes the error for a broker whose version knows no NamespaceV2.
	TooOld func(addr string, version headers.Version) error
	// Keys returns the credentials of the next request. Nil signs none.
	Keys func(ctx context.Context) (Keys, error)

	HeartbeatInterval    time.Duration
	RouteRefreshInterval time.Duration
}

// Keys sign a request.
type Keys struct{ AccessKey, SecretKey, SecurityToken string }

// Format writes [redacted], whatever the verb.
func (Keys) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte("[redacted]")) // a fmt.State reports no errors
}

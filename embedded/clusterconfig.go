package embedded

import (
	"slices"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
)

// Config returns what a client needs to reach the cluster as it is now: its name
// servers and Dial. The caller owns the value and may change it.
//
// Of a cluster with TLS the value has a TLS that trusts the certificates which
// WithTLS was given. A cluster that asks clients for a certificate needs one of the
// caller's in it. Of a cluster with access control the value has the credentials of
// the first user who is not switched off.
func (c *Cluster) Config() rocketmq.Cluster {
	config := rocketmq.Cluster{NameServers: c.NameServers(), Dial: c.Dial}
	if c.cfg.tls != nil {
		config.TLS = sockets.ClientTLS(c.cfg.tls)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.users, func(u User) bool { return !u.Disabled }); i >= 0 {
		config.Credentials = rocketmq.NewCredentials(c.users[i].AccessKey, c.users[i].SecretKey)
	}
	return config
}

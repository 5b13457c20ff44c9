package embedded

import (
	"crypto/tls"
	"crypto/x509"
	"slices"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
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
		config.TLS = trusting(c.cfg.tls)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.IndexFunc(c.users, func(u User) bool { return !u.Disabled }); i >= 0 {
		config.Credentials = rocketmq.NewCredentials(c.users[i].AccessKey, c.users[i].SecretKey)
	}
	return config
}

// trusting returns a client's side for a server's. Certificates that the server picks
// by a function are not known here: those need a root of the client's system.
func trusting(server *tls.Config) *tls.Config {
	client := &tls.Config{MinVersion: server.MinVersion, MaxVersion: server.MaxVersion}
	for _, chain := range server.Certificates {
		for _, der := range chain.Certificate {
			certificate, err := x509.ParseCertificate(der)
			if err != nil {
				continue // the handshake will say so
			}
			if client.RootCAs == nil {
				client.RootCAs = x509.NewCertPool()
			}
			client.RootCAs.AddCert(certificate)
		}
	}
	return client
}

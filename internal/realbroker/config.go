package realbroker

import (
	"errors"
	"fmt"
	"regexp"
)

// Config describes a cluster.
type Config struct {
	// Version of RocketMQ, one of those whose modules are all published:
	// 5.5.0, 5.4.0, 5.3.3, 5.2.0, 5.1.4, 4.9.7, 4.9.4. Required.
	Version string
	// BrokerProps are lines for the configuration file of every broker. They
	// win over the settings of this package.
	BrokerProps map[string]string
	// Brokers is the number of brokers, all of them masters of one cluster,
	// named broker-a, broker-b and so on. Default 1, at most 26.
	Brokers int
	// NameServers is the number of name servers; every broker registers with
	// all of them. Default 1.
	NameServers int
	// Proxy adds a RocketMQ Proxy in cluster mode, which only 5.x has, and of which
	// not every version is published: 5.5.0 is, 5.1.4 is not. Its jars are fetched
	// apart from the others.
	Proxy bool
	// ProxyProps are settings for rmq-proxy.json. They win over those of this
	// package.
	ProxyProps map[string]string
	// NameServerProps are lines for the configuration file of every name server.
	NameServerProps map[string]string
	// ACL makes brokers want signed requests. Nil, the default, lets everybody do
	// everything.
	ACL *ACL
	// TLS gives the servers certificates of the caller's. Without, they have a
	// certificate that nobody can verify.
	TLS *TLS
}

func (c *Config) setDefaults() {
	if c.Brokers == 0 {
		c.Brokers = 1
	}
	if c.NameServers == 0 {
		c.NameServers = 1
	}
}

// versionPattern also keeps a version from reaching out of the folders that are
// named after it.
var versionPattern = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)

// validate reports every fault at once.
func (c *Config) validate() error {
	var errs []error
	if !versionPattern.MatchString(c.Version) {
		errs = append(errs, fmt.Errorf("realbroker: Config.Version %q is not of the form 5.5.0", c.Version))
	}
	if c.Brokers < 1 || c.Brokers > 26 {
		errs = append(errs, fmt.Errorf("realbroker: Config.Brokers %d is not in 1..26", c.Brokers))
	}
	if c.NameServers < 1 {
		errs = append(errs, fmt.Errorf("realbroker: Config.NameServers %d is below 1", c.NameServers))
	}
	errs = append(errs, c.validateACL(), c.validateTLS())
	if c.Proxy && !hasProxy(c.Version) {
		errs = append(errs, fmt.Errorf("realbroker: Config.Proxy is set, but RocketMQ %s has no proxy", c.Version))
	}
	return errors.Join(errs...)
}

package realbroker

import (
	"cmp"
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
	// Impatient has brokers refuse with SYSTEM_BUSY what they come to late, as RocketMQ's
	// defaults have it: a message after 200 ms in their queue or while a write takes a second,
	// and other requests after a few seconds (brokerFastFailureEnable). It is for measurements
	// and for tests of an overload. Without, brokers do all they are asked for, however late,
	// so that a busy machine changes no answer.
	Impatient bool
	// JavaOptions are further options for the JVM of every broker.
	JavaOptions []string
	// Only has more of both for single brokers, by name; the slave of broker-a is
	// broker-a-slave here.
	Only map[string]BrokerSettings
	// Brokers is the number of brokers, all of them masters of one cluster,
	// named broker-a, broker-b and so on. Default 1, at most 26.
	Brokers int
	// Slaves gives each master a slave that it replicates to asynchronously, and that
	// serves reads. Not together with ACL.
	Slaves bool
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

// BrokerSettings are settings of one broker, which win over those of all.
type BrokerSettings struct {
	BrokerProps map[string]string
	JavaOptions []string
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

// before reports whether the version is older than the one given.
func (c *Config) before(major, minor int) bool {
	var own [2]int
	// validate has checked the form.
	_, _ = fmt.Sscanf(c.Version, "%d.%d", &own[0], &own[1])
	return cmp.Or(cmp.Compare(own[0], major), cmp.Compare(own[1], minor)) < 0
}

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
	if c.Slaves && c.ACL != nil {
		errs = append(errs, errors.New("realbroker: Config.Slaves and Config.ACL are not started together"))
	}
	if c.Proxy && !hasProxy(c.Version) {
		errs = append(errs, fmt.Errorf("realbroker: Config.Proxy is set, but RocketMQ %s has no proxy", c.Version))
	}
	return errors.Join(errs...)
}

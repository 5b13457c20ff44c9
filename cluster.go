package rocketmq

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Cluster says where a RocketMQ cluster is, how to get in and how to speak with its
// servers. A program writes it once and hands it to each client of the cluster, as
// publisher.Config.Cluster. NameServers, or Resolver in its place, must be set; the
// zero value of each other field stands for its default. Durations are ordinary Go
// durations.
//
// It is a plain value: a copy of it shares what its fields point to, which many
// goroutines read at once, and which must not be changed once a client has it.
type Cluster struct {
	// Where the cluster is.

	// NameServers are the addresses of the cluster's name servers, host:port.
	// They are equal; the first that answers is used until it fails. A name is
	// looked up at each dial, so that one that points elsewhere is followed when the
	// connection is lost. NAMESRV_ADDR and other variables of the environment are
	// not read.
	NameServers []string

	// Resolver finds the name servers in place of NameServers, which must be empty
	// then: routing.NewHTTPResolver asks an HTTP endpoint, as the Java client does,
	// routing.DNSResolver looks up all addresses of a name, and any other source is
	// a routing.ResolverFunc. A failure leaves the list that was last found.
	Resolver routing.Resolver

	// ResolveInterval is the time between two calls of the Resolver. 2 min by
	// default, as in the Java client. It is called earlier when no name server is
	// of use.
	ResolveInterval time.Duration

	// Namespace is put in front of topics and groups for the brokers, as the Java
	// client's namespace (v1) is: the topic orders is <namespace>%orders there, and
	// has that name in consoles and in the errors of package routing. The lengths
	// that brokers allow are those of the whole name. Messages get the property
	// INSTANCE_ID; a publisher.Result has the topic without the namespace.
	//
	// No topic leaves the namespace, and no two are one there. The few names that the
	// Java client would leave as they are, which begin with <namespace>% or
	// CID_RMQ_SYS_, are escaped by marshaler.EscapeTopics, and refused where a
	// publisher's Config.Topics is another mapper. A group that begins so stays as it
	// is.
	Namespace string

	// NamespaceV2 is put into every request, as the Java client's namespaceV2 is
	// (5.2.0 and later; ext fields nsd and ns). Names stay as they are. It is for
	// servers that separate namespaces: Apache's brokers, up to 5.5.0 at least,
	// take the fields and have one topic of a name for all. Brokers of 4.x are
	// refused with an *UnsupportedError, before anything is sent.
	NamespaceV2 string

	// UnitMode is the request field of that name, used by brokers that are
	// deployed in units.
	UnitMode bool

	// VIPChannel sends messages to a second port that brokers have, two below the
	// one they register, where no consumers are served (vipChannelEnabled of the
	// Java client). Heartbeats still go to the first. Proxies have no such port.
	VIPChannel bool

	// How to get in.

	// Credentials sign every request, to brokers and name servers. Nil, the
	// default, signs none. NewCredentials is for a user who stays the same, a
	// provider of your own for keys that change. A message that the access
	// control of a broker turns away fails at once, with an *AuthenticationError,
	// a *PermissionError or, where the broker does not say which, an *AccessError.
	Credentials CredentialsProvider

	// TLS turns TLS on for name servers and brokers. Certificates are verified:
	// where ServerName is empty, for the host of the address. Certificates in it
	// are shown to servers that ask for one (mutual TLS). A message that cannot be
	// sent for a certificate fails at once, with a *CertificateError, unless another
	// broker of the topic has one that is accepted. It must not be changed once a
	// client has it.
	TLS *tls.Config

	// Dial opens connections; net.Dialer's DialContext by default. An embedded
	// cluster, a proxy or a test network goes here.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// DialTimeout bounds a dial with its TLS handshake. 3 s by default.
	DialTimeout time.Duration

	// How to speak with the servers.

	// Headers chooses how request headers are written: BinaryHeaders (default)
	// or JSONHeaders. Every broker since 4.9 reads both.
	Headers HeaderFormat

	// HeartbeatInterval is the time between two heartbeats to each broker. 30 s
	// by default, as in the Java client. Brokers close a connection that was
	// silent for 120 s.
	HeartbeatInterval time.Duration

	// RouteRefreshInterval is the time between two looks at each topic's route.
	// 30 s by default, as in the Java client. A broker that fails makes a client
	// look at once.
	RouteRefreshInterval time.Duration
}

// WithDefaults returns a copy of c in which the defaults of Headers, DialTimeout,
// HeartbeatInterval and RouteRefreshInterval are set. A Dial that is nil and a
// ResolveInterval of 0 stay, as packages transport and routing have their defaults.
// Clients call it by themselves.
func (c Cluster) WithDefaults() Cluster {
	setDefault(&c.Headers, BinaryHeaders)
	setDefault(&c.DialTimeout, 3*time.Second)
	setDefault(&c.HeartbeatInterval, 30*time.Second)
	setDefault(&c.RouteRefreshInterval, 30*time.Second)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// settings are what the flags say.
type settings struct {
	addr        string
	brokerPort  int
	advertise   []string
	brokers     int
	version     headers.Version
	data        string
	sync        bool
	maxBytes    int64
	topics      []topic
	autoCreate  bool
	filter      bool
	tlsCert     string
	tlsKey      string
	tlsRequired bool
	acl         string
	http        string
	httpHosts   []string
}

const usage = `rocketmq-dev is a RocketMQ name server with brokers, for development and tests.

	rocketmq-dev [flags]

It prints NAMESRV_ADDR=host:port to the standard output when it takes connections, and with
-http CONTROL_URL=http://host:port/ on the next line. It logs to the standard error, and ends
in order on SIGTERM or SIGINT.

Exit codes: %d when it has ended in order, %d when it could not start (a port is taken, a
folder is open elsewhere, a file cannot be read) or not end in order, %d for wrong flags.

Flags:
`

// parse reads the arguments. What is wrong with them it says on stderr, and returns.
func parse(args []string, stderr io.Writer) (*settings, error) {
	s := &settings{version: headers.Version5_5_0}
	flags := flag.NewFlagSet("rocketmq-dev", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintf(stderr, usage, exitOK, exitFailed, exitUsage)
		flags.PrintDefaults()
	}
	flags.StringVar(&s.addr, "addr", "127.0.0.1:9876", "`host:port` that the name server listens on; port 0 is a free one, host 0.0.0.0 all of the machine")
	flags.IntVar(&s.brokerPort, "broker-port", 10911, "`port` that the first broker listens on, at the host of -addr; further brokers are 20 ports apart; 0 is a free one for each")
	flags.Func("advertise", "`address` that clients are told of brokers, if it is another one than they listen on: a host for all of them, or with commas between a host or host:port for each (brokerIP1)", func(value string) error {
		s.advertise = append(s.advertise, strings.Split(value, ",")...)
		return nil
	})
	flags.IntVar(&s.brokers, "brokers", 1, "`number` of brokers, all masters")
	flags.Func("version", "`release` of RocketMQ to behave like, from 4.9.0 to 5.5.0 (default 5.5.0)", s.setVersion)
	flags.StringVar(&s.data, "data", "", "`folder` that everything is kept in, in RocketMQ's own files; without it everything is in memory, and gone at the end")
	flags.BoolVar(&s.sync, "sync", false, "answer a send when the message is on the disk (SYNC_FLUSH); needs -data")
	flags.Int64Var(&s.maxBytes, "max-bytes", 0, "`bytes` of messages that each broker keeps, the oldest go first; 0 is 268435456 in memory, and no limit with -data, where files of the log that nothing was written to for 72 h go all the same")
	flags.Func("topic", "topic to create, as `name:queues`, or a name alone for 8 queues; may be given several times", s.addTopic)
	flags.BoolVar(&s.autoCreate, "auto-create", true, "create topics when a message is sent to them")
	flags.BoolVar(&s.filter, "property-filter", false, "let consumers filter by SQL92 expressions (enablePropertyFilter)")
	flags.StringVar(&s.tlsCert, "tls-cert", "", "PEM `file` with the certificates of the servers, which then take TLS and plain connections; needs -tls-key")
	flags.StringVar(&s.tlsKey, "tls-key", "", "PEM `file` with the key of -tls-cert")
	flags.BoolVar(&s.tlsRequired, "tls-required", false, "refuse plain connections; needs -tls-cert")
	flags.StringVar(&s.acl, "acl", "", "JSON `file` with users, by one of whom every request to a broker has to be signed, such as\n"+aclExample)
	flags.StringVar(&s.http, "http", "", "`host:port` of the page and of the control port for tests, such as 127.0.0.1:8081; port 0 is a free one. They have no login and are off without this flag")
	flags.Func("http-host", "`name` by which browsers and clients call -http, beside localhost, loopback addresses and the one it listens on; may be given several times", func(name string) error {
		s.httpHosts = append(s.httpHosts, name)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	err := s.check()
	if flags.NArg() > 0 {
		err = errors.Join(err, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	if err != nil {
		fmt.Fprintf(stderr, "%v\nrocketmq-dev -h lists the flags.\n", err)
		return nil, err
	}
	return s, nil
}

// check says what is wrong with the flags, as far as nothing else has to be looked at.
func (s *settings) check() error {
	var faults []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	host, port, err := net.SplitHostPort(s.addr)
	wrong(err != nil || !isPort(port), "-addr %q: want host:port", s.addr)
	wrong(err == nil && strings.Contains(host, ","), "-addr %q: there is one name server", s.addr)
	wrong(s.brokers < 1 || s.brokers > maxBrokers, "-brokers %d: want 1 to %d", s.brokers, maxBrokers)
	wrong(s.brokerPort < 0 || s.lastBrokerPort() > maxPort, "-broker-port %d: want 0 to %d", s.brokerPort, maxPort-brokerStep*(max(1, s.brokers)-1))
	wrong(s.sync && s.data == "", "-sync needs -data")
	wrong(s.maxBytes < 0, "-max-bytes %d: want 0 or more", s.maxBytes)
	wrong((s.tlsCert == "") != (s.tlsKey == ""), "-tls-cert and -tls-key need each other")
	wrong(s.tlsRequired && s.tlsCert == "", "-tls-required needs -tls-cert")
	if s.http != "" {
		_, port, err := net.SplitHostPort(s.http)
		wrong(err != nil || !isPort(port), "-http %q: want host:port", s.http)
	}
	wrong(len(s.httpHosts) > 0 && s.http == "", "-http-host needs -http")
	if err := (control.Config{Hosts: s.httpHosts}).Validate(); err != nil {
		wrong(true, "-http-host: %w", err)
	}
	return errors.Join(faults...)
}

const (
	maxBrokers = 26 // broker-a to broker-z
	maxPort    = 1<<16 - 1
	brokerStep = 20 // between the ports of two brokers
)

func (s *settings) lastBrokerPort() int { return s.brokerPort + brokerStep*(s.brokers-1) }

func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

func (s *settings) setVersion(release string) (err error) {
	s.version, err = headers.ParseVersion(release)
	if err != nil || s.version > headers.Version5_5_0 {
		return errors.New("want a release from 4.9.0 to 5.5.0")
	}
	return nil
}

// place is where messages are kept, for the log.
func (s *settings) place() string {
	if s.data == "" {
		return "memory"
	}
	return s.data
}

// reachable is the address to tell people of a server that listens at addr: with all
// addresses of the machine that is the first advertised host, or loopback.
func (s *settings) reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return addr
	}
	if len(s.advertise) == 0 {
		return net.JoinHostPort("127.0.0.1", port)
	}
	host = s.advertise[0]
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return net.JoinHostPort(host, port)
}

// topic is one to create.
type topic struct {
	name   string
	queues int
}

const defaultQueues = 8

func (s *settings) addTopic(value string) error {
	name, queues, found := strings.Cut(value, ":")
	n := defaultQueues
	if found {
		var err error
		if n, err = strconv.Atoi(queues); err != nil || n < 1 || n > maxQueues {
			return fmt.Errorf("want 1 to %d queues behind the colon", maxQueues)
		}
	}
	if name == "" {
		return errors.New("want a name")
	}
	if slices.ContainsFunc(s.topics, func(t topic) bool { return t.name == name }) {
		return errors.New("it is there twice")
	}
	s.topics = append(s.topics, topic{name, n})
	return nil
}

const maxQueues = 1 << 12

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// options are what the settings make of a cluster. It reads the files that they name.
func (s *settings) options() ([]embedded.Option, error) {
	list := []embedded.Option{
		embedded.WithNameServerAddr(s.addr),
		embedded.WithBrokers(s.brokers),
		embedded.WithBrokerAddr(s.brokerAddrs()...),
		embedded.WithAdvertisedAddr(s.advertise...),
		embedded.WithVersion(s.version),
		embedded.WithMaxBytes(s.maxBytes),
	}
	for _, t := range s.topics {
		list = append(list, embedded.WithTopic(t.name, t.queues))
	}
	if !s.autoCreate {
		list = append(list, embedded.WithoutAutoCreateTopic())
	}
	if s.filter {
		list = append(list, embedded.WithPropertyFilter())
	}
	if s.data != "" {
		if err := checkFolder(s.data, s.brokers); err != nil {
			return nil, err
		}
		list = append(list, embedded.Dir(s.data))
	}
	if s.sync {
		list = append(list, embedded.WithSyncFlush())
	}
	if s.tlsCert != "" {
		certificate, err := tls.LoadX509KeyPair(s.tlsCert, s.tlsKey)
		if err != nil {
			return nil, fmt.Errorf("-tls-cert, -tls-key: %w", err)
		}
		list = append(list, embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate}}))
	}
	if s.tlsRequired {
		list = append(list, embedded.WithTLSRequired())
	}
	if s.acl != "" {
		users, err := readUsers(s.acl)
		if err != nil {
			return nil, fmt.Errorf("-acl: %w", err)
		}
		list = append(list, embedded.WithACL(users...))
	}
	return list, nil
}

// brokerAddrs are the addresses that brokers listen on.
func (s *settings) brokerAddrs() []string {
	host, _, _ := net.SplitHostPort(s.addr) // checked by parse
	var addrs []string
	for i := range s.brokers {
		port := s.brokerPort
		if port != 0 {
			port += brokerStep * i
		}
		addrs = append(addrs, net.JoinHostPort(host, strconv.Itoa(port)))
	}
	return addrs
}

// checkFolder refuses a folder of another number of brokers. One broker has the folder to
// itself, of several each has one in it: whoever starts the other kind finds nothing of what
// is there, and whoever starts fewer not what the others have. More than there were begin
// with what is there.
func checkFolder(dir string, brokers int) error {
	there := func(path ...string) (bool, error) {
		_, err := os.Stat(filepath.Join(append([]string{dir}, path...)...))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return err == nil, err
	}
	ofOne, err := there("commitlog")
	if err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	ofSeveral, err := there("broker-a")
	if err != nil {
		return fmt.Errorf("-data: %w", err)
	}
	ofMore, err := there("broker-" + string(rune('a'+brokers)))
	switch {
	case err != nil:
		return fmt.Errorf("-data: %w", err)
	case ofOne && brokers > 1:
		return fmt.Errorf("-data: %s is the folder of one broker, not of -brokers %d", dir, brokers)
	case ofSeveral && brokers == 1:
		return fmt.Errorf("-data: %s is the folder of several brokers: say how many with -brokers", dir)
	case ofMore:
		return fmt.Errorf("-data: %s is the folder of more than %d brokers: say how many with -brokers", dir, brokers)
	}
	return nil
}

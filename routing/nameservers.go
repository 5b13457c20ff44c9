package routing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// distrust is how long a name server that failed is not asked just to confirm
// another one's bad news, which would cost a hanging one's timeout for every
// topic without a route.
const distrust = 30 * time.Second

// errNoBrokers is the name server's word that no broker is registered.
var errNoBrokers = errors.New("no broker is registered")

// isUnknownTopic reports whether err is the name server's word that the topic
// has no route.
func isUnknownTopic(err error) bool {
	return errors.Is(err, &headers.StatusError{Code: headers.TopicNotExist})
}

// isBadNews reports whether a name server answered, and the answer is that there
// is nothing. Unlike a failure it is believed once nobody knows better.
func isBadNews(err error) bool {
	var noQueue *NoQueueError
	return isUnknownTopic(err) || errors.Is(err, errNoBrokers) || errors.As(err, &noQueue)
}

// nameServers puts questions to the name servers, which are equal and know the
// same except for a while after one of them started.
type nameServers struct {
	list    atomic.Pointer[serverList] // nil as long as a Resolver has brought none
	timeout time.Duration
	invoker Invoker
	failed  func(addr string, err error) // may be nil
	// directory replaces the list; nil if that stays as it is.
	directory *directory
}

// serverList is the name servers at one moment.
type serverList struct {
	servers []*nameServer
	// preferred is the index of the name server that is asked first: the last
	// one that was of use. A hanging one costs its timeout once.
	preferred atomic.Uint32
}

type nameServer struct {
	addr     string
	failedAt atomic.Int64 // when it last gave no usable answer, ns since 1970; 0: the last one was usable
}

// current returns the list, nil if there is none yet.
func (s *nameServers) current() *serverList { return s.list.Load() }

// replace makes addrs the list. Name servers that stay keep what is known of them,
// and the preferred one stays preferred. It is called by one goroutine at a time.
func (s *nameServers) replace(addrs []string) {
	old := s.current()
	list := &serverList{servers: make([]*nameServer, len(addrs))}
	for i, addr := range addrs {
		list.servers[i] = &nameServer{addr: addr}
		if old == nil {
			continue
		}
		at := slices.IndexFunc(old.servers, func(known *nameServer) bool { return known.addr == addr })
		if at < 0 {
			continue
		}
		list.servers[i] = old.servers[at]
		if at == int(old.preferred.Load()) {
			list.preferred.Store(uint32(i))
		}
	}
	s.list.Store(list)
}

// addrs lists the addresses, in a slice of its own; nil if there are none yet.
func (s *nameServers) addrs() []string {
	list := s.current()
	if list == nil {
		return nil
	}
	addrs := make([]string, len(list.servers))
	for i, server := range list.servers {
		addrs[i] = server.addr
	}
	return addrs
}

// known returns the list, and waits for it if a Resolver has not brought one yet.
// The error is a *ResolveError or ctx's.
func (s *nameServers) known(ctx context.Context) (*serverList, error) {
	list := s.current()
	if list == nil {
		if err := s.directory.await(ctx); err != nil {
			return nil, err
		}
		list = s.current()
	}
	return list, nil
}

// route asks for topic's route and has read look at the answers, until it likes one.
// The error is a *headers.StatusError with TopicNotExist, a *NoQueueError, a
// *StaticTopicError, a *NameServersError, or ctx's.
func (s *nameServers) route(ctx context.Context, topic string, read func(*routeData) error) error {
	return s.ask(ctx, topic, routeRequest{topic: topic}, func(answer *headers.Command) error {
		if err := answer.Err(); err != nil {
			return err
		}
		data, err := parseRouteData(topic, answer.Body)
		if err != nil {
			return err
		}
		return read(data)
	})
}

// registered returns the brokers that are registered, at least one. The error is
// errNoBrokers, a *NameServersError, or ctx's.
func (s *nameServers) registered(ctx context.Context, topic string) ([]BrokerInfo, error) {
	var brokers []BrokerInfo
	err := s.ask(ctx, topic, clusterRequest{}, func(answer *headers.Command) error {
		err := answer.Err()
		if err == nil {
			brokers, err = parseBrokers(answer.Body)
		}
		if err == nil && len(brokers) == 0 {
			err = errNoBrokers
		}
		return err
	})
	return brokers, err
}

// ask puts one question to one name server after the other until read likes an
// answer. If none is liked, bad news goes before failures. Its cost is one call
// for good news; bad news costs one call to each name server.
func (s *nameServers) ask(ctx context.Context, topic string, question headers.Request, read func(*headers.Command) error) error {
	list, err := s.known(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &NameServersError{Topic: topic, Unresolved: err}
	}
	var news error
	var failures []*NameServerError
	first := int(list.preferred.Load())
	for i := range list.servers {
		at := (first + i) % len(list.servers)
		server := list.servers[at]
		if news != nil && server.failedWithin(distrust) {
			continue
		}
		err := s.askOne(ctx, server.addr, question, read)
		var static *StaticTopicError
		switch {
		case err == nil || errors.As(err, &static):
			server.failedAt.Store(0)
			list.preferred.Store(uint32(at))
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case isBadNews(err):
			server.failedAt.Store(0)
			if news == nil {
				list.preferred.Store(uint32(at))
			}
			if news == nil || isUnknownTopic(news) {
				news = err
			}
		default:
			server.failedAt.Store(time.Now().UnixNano())
			failures = append(failures, &NameServerError{Addr: server.addr, Err: err})
			if s.failed != nil {
				s.failed(server.addr, err)
			}
		}
	}
	if news != nil {
		return news
	}
	if s.directory != nil {
		s.directory.wake() // the list may be out of date
	}
	return &NameServersError{Topic: topic, Servers: failures}
}

func (s *nameServer) failedWithin(d time.Duration) bool {
	at := s.failedAt.Load()
	since := time.Since(time.Unix(0, at))
	return at != 0 && 0 <= since && since < d // less than 0 if the clock was set back
}

func (s *nameServers) askOne(ctx context.Context, addr string, question headers.Request, read func(*headers.Command) error) error {
	attempt, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := s.invoker.Invoke(attempt, addr, question, nil)
	if err != nil {
		if attempt.Err() != nil && ctx.Err() == nil {
			return fmt.Errorf("%w within %v: %v", ErrNoAnswer, s.timeout, err)
		}
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err() // nobody waits for what takes long to read
	}
	return read(&answer)
}

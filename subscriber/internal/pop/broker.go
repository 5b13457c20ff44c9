package pop

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// broker is what an Engine has to do with one broker, by whatever address it has: it finds
// the address, and tells the broker what became of messages. It is safe for concurrent use.
type broker struct {
	e    *Engine
	name string
	// news tells of fetchers that end or are abandoned, and back of connections to the broker
	// and of its addresses: whoever pauses after a failure looks again.
	news, back news
	addr       atomic.Pointer[string] // the last one that was used

	acks    acks
	changes changes
}

func newBroker(e *Engine, name string) *broker {
	b := &broker{e: e, name: name}
	b.acks.init(b)
	b.changes.b = b
	return b
}

// signs end the pause after a request that has failed. They are taken before the request.
type signs struct{ news, back <-chan struct{} }

func (b *broker) signs() signs { return signs{news: b.news.next(), back: b.back.next()} }

// lastAddr is where the last request went, empty if there was none.
func (b *broker) lastAddr() string {
	if addr := b.addr.Load(); addr != nil {
		return *addr
	}
	return ""
}

// resolve returns the address of the broker's master by the route of a topic. There is no
// substitute: a slave answers a pop as if it were the master, keeps no check point of what
// it hands out, and its master does not learn of it (PopMessageProcessor and
// PopBufferMergeService of 5.5.0). A slave that stands in for its master
// (enableSlaveActingMaster) is listed as the master (RouteInfoManager).
func (b *broker) resolve(ctx context.Context, topic string) (string, error) {
	replica, err := b.e.cfg.Member.Routes().Replica(ctx, topic, b.name, routing.MasterID, true)
	if err != nil {
		return "", err
	}
	return b.admitted(ctx, replica)
}

// resolveForAnswer is resolve for what is told of messages that the broker has handed out:
// where their topic has left the broker since, the route of another topic has the address.
func (b *broker) resolveForAnswer(ctx context.Context, topic string) (string, error) {
	addr, err := b.resolve(ctx, topic)
	var noQueue *routing.NoQueueError
	var missing *routing.BrokerNotFoundError
	if !errors.As(err, &noQueue) && !errors.As(err, &missing) {
		return addr, err
	}
	cached, cancel := context.WithCancel(ctx)
	cancel() // a route that is cached is enough
	for _, f := range b.e.allFetchers() {
		route, unknown := b.e.cfg.Member.Routes().ReadRoute(cached, f.topic.Name)
		if unknown != nil {
			continue
		}
		if replica, ok := route.Replica(b.name, routing.MasterID, true); ok {
			return b.admitted(ctx, replica)
		}
	}
	return "", err
}

// admitted returns the address of the broker's master once requests may go there.
func (b *broker) admitted(ctx context.Context, replica routing.Replica) (string, error) {
	if b.lastAddr() != replica.Addr {
		addr := replica.Addr
		b.addr.Store(&addr)
	}
	if err := b.e.cfg.Member.Admit(ctx, replica.Addr); err != nil {
		return "", err
	}
	return replica.Addr, nil
}

// invoke sends a request about a topic to the broker, and waits for an answer of any code.
// ctx bounds it.
func (b *broker) invoke(ctx context.Context, topic string, r headers.Request, body []byte) (headers.Command, error) {
	addr, err := b.resolve(ctx, topic)
	if err != nil {
		return headers.Command{}, err
	}
	return b.e.cfg.Member.Client().Invoke(ctx, addr, r, body)
}

// ask has the broker do something about messages of a topic that it has handed out. The
// request is to be answered with Success, within the request timeout.
func (b *broker) ask(ctx context.Context, topic string, r headers.Request, body []byte) (headers.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, b.e.cfg.RequestTimeout)
	defer cancel()
	addr, err := b.resolveForAnswer(ctx, topic)
	var answer headers.Command
	if err == nil {
		answer, err = headers.Successful(b.e.cfg.Member.Client().Invoke(ctx, addr, r, body))
	}
	if err != nil {
		b.blame(topic, err)
	}
	return answer, err
}

// routeAge is how old a route has to be to be looked up again for an error that may have
// to do with it.
const routeAge = time.Second

// blame has the route looked up again for an error that may have to do with it.
func (b *broker) blame(topic string, err error) {
	if v := verdict.Of(err); v.Refresh && !v.Seldom {
		b.e.cfg.Member.Routes().RefreshOlder(topic, routeAge)
	}
}

// version returns the broker's version.
func (b *broker) version(ctx context.Context, topic string) (headers.Version, error) {
	ctx, cancel := context.WithTimeout(ctx, b.e.cfg.RequestTimeout)
	defer cancel()
	addr, err := b.resolve(ctx, topic)
	if err != nil {
		return 0, err
	}
	return b.e.cfg.Member.Version(ctx, addr)
}

// knownVersion is the version that the broker gave in its last answer, 0 if it has given
// none on the connection that there is.
func (b *broker) knownVersion() headers.Version {
	return b.e.cfg.Member.Client().PeerVersion(b.lastAddr())
}

// untouched reports whether an error says that the broker has not acted on the request,
// and will not: it may be sent once more.
func untouched(err error) bool {
	v := verdict.Of(err)
	var status *headers.StatusError
	return v.Outcome == verdict.NotSent && (v.Again() || !errors.As(err, &status))
}

// complain logs a failure of the broker, unless it is of one that is closing, or there was
// such a line a short time ago. It reports whether it has.
func (b *broker) complain(limit *loglimit.Limit, what, topic string, err error) (logged bool) {
	if b.e.ctx.Err() != nil {
		return false
	}
	missed, ok := limit.Ask(b.name, time.Now())
	if ok {
		b.e.cfg.Logger.Error(what, err, watermill.LogFields{"broker": b.name, "rocketmq_topic": topic, loglimit.Unlogged: missed})
	}
	return ok
}

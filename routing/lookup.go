package routing

import (
	"context"
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// found is what a lookup brought for one view: a route, or why there is none.
type found struct {
	route *Route
	err   error
}

// lookup asks the name servers for a topic's route, borrowing the default
// topic's to write by if it has none (MQClientInstance.updateTopicRouteInfoFromNameServer
// of 5.5.0). old are the topic's routes so far. If the one to write by is one of its own
// the default topic is not asked, and the error is the name server's TopicNotExist.
//
// Name servers are asked until one knows queues to write. Readers get the route of that
// answer, or else the first that has queues for them.
func (t *cache) lookup(ctx context.Context, of *substitute, topic string, old known) [views]found {
	var write, read found
	err := t.servers.route(ctx, topic, func(d *routeData) error {
		r, err := d.route(topic, old)
		if err != nil {
			return d.unfit(err, old[Writing])
		}
		toWrite, toRead := r.fit(Writing, d, old), r.fit(Reading, d, old)
		switch {
		case toRead == nil && (toWrite == nil || read.route == nil):
			read = found{route: r}
		case toRead != nil && read.route == nil && !isDenial(read.err):
			read.err = toRead
		}
		if toWrite == nil {
			write.route = r
		}
		return toWrite
	})
	write.err = err
	var static *StaticTopicError
	switch {
	case !isUnknownTopic(err):
		if read == (found{}) || errors.As(err, &static) {
			read = found{err: err}
		}
		return [views]found{Writing: write, Reading: read}
	case old.own(Writing):
		write = found{err: gone(topic, err)}
	default:
		write = t.borrow(ctx, of, topic, old)
	}
	read = found{err: noOwnRoute(topic)}
	var noRoute *NoRouteError
	var noBrokers *NoBrokersError
	switch {
	case old[Reading] != nil:
		read.err = gone(topic, err)
	case errors.As(write.err, &noRoute), errors.As(write.err, &noBrokers):
		read.err = write.err // it says more
	}
	return [views]found{Writing: write, Reading: read}
}

// own reports whether the view has a route that is not borrowed.
func (k known) own(v View) bool { return k[v] != nil && !k[v].defaultTopic }

func gone(topic string, err error) error {
	return fmt.Errorf("routing: topic %q is gone from the name servers, its last known route is kept: %w", topic, err)
}

// borrow takes the default topic's route for a topic that has none, or says why that
// cannot be.
func (t *cache) borrow(ctx context.Context, of *substitute, topic string, old known) found {
	if topic == of.topic {
		return found{err: t.explainUnknown(ctx, of, topic)}
	}
	var borrowed *Route
	err := t.servers.route(ctx, of.topic, func(d *routeData) error {
		r, err := d.borrow(topic, of.topic, of.queues, old)
		if err == nil {
			borrowed = r
		}
		return d.unfit(err, old[Writing])
	})
	switch {
	case err == nil:
		return found{route: borrowed}
	case isDenial(err):
		return found{err: fmt.Errorf("routing: topic %q has no route of its own: %w", topic, err)}
	case isUnknownTopic(err):
		return found{err: t.explainUnknown(ctx, of, topic)}
	default:
		return found{err: err}
	}
}

// fit returns nil if the view of the route, which was made of d, has queues, or why it
// is not to be used.
func (r *Route) fit(v View, d *routeData, old known) error {
	err := r.Err(v)
	if v == Reading && err == nil && old[v] != nil && !r.canBeRead() {
		return fmt.Errorf("%w: topic %q has no broker to read from with an address that can be dialed", ErrUnfitRoute, r.topic)
	}
	return d.unfit(err, old[v])
}

// unfit passes on why a view has no queue, nil if it has, unless d is what no sound name
// server says of a topic that had the route old in this view: then the error is one
// that lets old stay in use.
func (d *routeData) unfit(err error, old *Route) error {
	var none *NoQueueError
	switch {
	case old == nil:
	case d.isEmpty():
		return fmt.Errorf("%w: queueDatas: %d, brokerDatas: %d", ErrUnfitRoute, len(d.QueueDatas), len(d.BrokerDatas))
	case errors.As(err, &none) && none.Reason == BadMasterAddress:
		return fmt.Errorf("%w: %v", ErrUnfitRoute, err) // not wrapped: it is not believed
	}
	return err
}

// explainUnknown says why neither topic nor the default topic has a route, which
// decides whether another try can help.
func (t *cache) explainUnknown(ctx context.Context, of *substitute, topic string) error {
	_, err := t.servers.registered(ctx, topic)
	var status *headers.StatusError
	switch {
	case errors.Is(err, errNoBrokers):
		return &NoBrokersError{Topic: topic, NameServers: t.servers.addrs()}
	case err == nil || errors.As(err, &status):
		// A peer that knows routes but not this request is a proxy in front of
		// brokers.
		return &NoRouteError{Topic: topic, DefaultTopic: of.topic, NameServers: t.servers.addrs()}
	default:
		return err
	}
}

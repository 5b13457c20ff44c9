package requestreply

import (
	"context"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Request is what makes a received message a request.
type Request struct {
	// CorrelationID is what the requester knows the request by.
	CorrelationID string
	// ReplyTo is the client id of the requester.
	ReplyTo string
	// Cluster is the name of the cluster that stores the request, and Broker that of the
	// broker. Brokers from 5.4.0 on give no Cluster to messages that were sent in a batch,
	// which no requester does; such messages cannot be replied to.
	Cluster, Broker string
	// TTL is how long the requester waits, 0 if it does not say.
	TTL time.Duration
	// Deadline is when the requester stops waiting, zero if TTL is. It is TTL after the
	// request was sent, by the requester's clock; in the first delivery TTL after it was
	// stored, by the broker's, if that is later. So it depends on clocks that agree.
	Deadline time.Time
}

// maxTTL is the longest TTL that is believed. A longer one is as good as none.
const maxTTL = 365 * 24 * time.Hour

// RequestFromContext returns what makes the message a request that ctx, or a context that
// it is made of, is the context of. ok is false for a message that is no request, and for
// one that does not come from a subscriber of this module.
func RequestFromContext(ctx context.Context) (request Request, ok bool) {
	info, ok := subscriber.InfoFromContext(ctx)
	if !ok {
		return Request{}, false
	}
	r := Request{Broker: info.Broker}
	for _, p := range info.Properties {
		switch p.Name {
		case headers.PropertyCorrelationID:
			r.CorrelationID = p.Value
		case headers.PropertyReplyToClient:
			r.ReplyTo = p.Value
		case headers.PropertyCluster:
			r.Cluster = p.Value
		case headers.PropertyTTL:
			r.TTL = parseTTL(p.Value)
		}
	}
	if r.CorrelationID == "" || r.ReplyTo == "" {
		return Request{}, false
	}
	if r.TTL > 0 {
		begin := info.BornTime
		if info.Deliveries <= 1 && info.StoreTime.After(begin) {
			begin = info.StoreTime
		}
		r.Deadline = begin.Add(r.TTL)
	}
	return r, true
}

// parseTTL reads a TTL, 0 if it says nothing. It is in milliseconds; less than 1,000 are
// taken for seconds, which rocketmq-client-go writes (prepareSendRequest of
// v2.1.3-0.20251226070945-2173d070fd1b): to wait too long does no harm.
func parseTTL(text string) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil || n <= 0 || n > int64(maxTTL/time.Millisecond):
		return 0
	case n < int64(minTTL/time.Millisecond):
		return time.Duration(n) * time.Second
	}
	return time.Duration(n) * time.Millisecond
}

// isExpired reports whether nobody waits for the reply any more.
func (r *Request) isExpired(now time.Time) bool { return !r.Deadline.IsZero() && now.After(r.Deadline) }

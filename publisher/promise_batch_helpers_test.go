package publisher_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// request is a send request as a broker saw it.
type request struct {
	code    headers.RequestCode
	broker  string
	queueID int32
	at      time.Time
	size    int      // of the body
	bodies  []string // of its messages, in order
}

func requestOf(r embedded.Request) request {
	seen := request{
		code: r.Code, broker: r.Server, queueID: r.Send.QueueID,
		at: time.Now(), size: len(r.Command.Body),
	}
	if !r.Send.Batch {
		seen.bodies = []string{string(r.Command.Body)}
		return seen
	}
	for inner, err := range body.BatchMessages(r.Command.Body) {
		if err != nil {
			panic(err) // the test binary ends: the broker would have refused it
		}
		seen.bodies = append(seen.bodies, string(inner.Body))
	}
	return seen
}

// requests are the send requests that have arrived, in that order.
type requests struct {
	mu  sync.Mutex
	all []request
}

// record has fault called for each send, with its number from 1 and what is in
// it, and keeps what it saw. fault may be nil.
func record(c *embedded.Cluster, fault func(n int, r request) embedded.Fault) *requests {
	var rs requests
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		seen := requestOf(r)
		rs.mu.Lock()
		rs.all = append(rs.all, seen)
		n := len(rs.all)
		rs.mu.Unlock()
		if fault == nil {
			return embedded.Fault{}
		}
		return fault(n, seen)
	})
	return &rs
}

func (rs *requests) list() []request {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return slices.Clone(rs.all)
}

// groups are the bodies of each request from the given one on.
func (rs *requests) groups(from int) [][]string {
	var groups [][]string
	for _, r := range rs.list()[from:] {
		groups = append(groups, r.bodies)
	}
	return groups
}

// held is how many requests of a topic have to be under way for a message to
// wait: one that finds less leaves at once.
const held = 1

// holding keeps the answers of the first requests for d, and nothing of others.
func holding(d time.Duration) func(int, request) embedded.Fault {
	return func(n int, _ request) embedded.Fault {
		if n <= held {
			return embedded.DelayAnswer(d)
		}
		return embedded.Fault{}
	}
}

// underWay is a Publish call on a goroutine of its own.
type underWay struct {
	began time.Time
	took  time.Duration
	err   error
	ended chan struct{}
}

// publishing starts a Publish call and returns when it waits, or is over.
func publishing(p *publisher.Publisher, topic string, messages ...*message.Message) *underWay {
	u := &underWay{began: time.Now(), ended: make(chan struct{})}
	go func() {
		defer close(u.ended)
		u.err = p.Publish(topic, messages...)
		u.took = time.Since(u.began)
	}()
	synctest.Wait()
	return u
}

// wait returns what Publish returned, when it has.
func (u *underWay) wait() error {
	<-u.ended
	return u.err
}

// occupied starts calls that keep the topic busy, so that what follows gathers,
// however long they take.
func occupied(p *publisher.Publisher) []*underWay {
	publisher.NeverHurry(p)
	var calls []*underWay
	for range held {
		calls = append(calls, publishing(p, orders, newMessage("first")))
	}
	return calls
}

// gathering publishes a message of each body from a goroutine of its own, in
// that order.
func gathering(p *publisher.Publisher, bodies ...string) []*underWay {
	var calls []*underWay
	for _, b := range bodies {
		calls = append(calls, publishing(p, orders, newMessage(b)))
	}
	return calls
}

// withOwnContexts returns messages that their caller cannot send itself, since it
// has to watch their contexts.
func withOwnContexts(t testing.TB, n int) []*message.Message {
	messages := make([]*message.Message, n)
	for i := range messages {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		messages[i] = messageIn(ctx)
	}
	return messages
}

func requirePublished(t testing.TB, calls ...*underWay) {
	t.Helper()
	for _, u := range calls {
		require.NoError(t, u.wait())
	}
}

// resultOf returns the result of a call of one message that failed.
func (u *underWay) resultOf(t testing.TB) publisher.Result {
	t.Helper()
	failed := failureOf(t, u.wait())
	require.Len(t, failed.Results, 1)
	return failed.Results[0]
}

package publisher_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// The promise tests show what Publish and Close promise where it depends on time
// or on a failure at an exact moment. They run in a synctest bubble on the
// in-memory network: its clock stands still while anybody works, so times are
// exact, and a goroutine that outlives its owner fails the test.

// orders is the topic of most promise tests. It has one queue.
const orders = "orders"

// inBubble runs test on a cluster of its own that has the topic orders.
func inBubble(t *testing.T, test func(t *testing.T, c *embedded.Cluster), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic(orders, 1)}, opts...)...)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, c.Close()) })
		test(t, c)
	})
}

// publisherOn returns a publisher with the default settings, closed with the test.
func publisherOn(t testing.TB, c *embedded.Cluster, change func(*publisher.Config)) *publisher.Publisher {
	t.Helper()
	p := unclosedPublisherOn(t, c, change)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// unclosedPublisherOn leaves closing the publisher to the test. Whatever the cluster
// wants of clients beside knowing where it is, change has to bring.
func unclosedPublisherOn(t testing.TB, c *embedded.Cluster, change func(*publisher.Config)) *publisher.Publisher {
	t.Helper()
	cfg := publisher.Config{Cluster: rocketmq.Cluster{NameServers: c.NameServers(), Dial: c.Dial}}
	if change != nil {
		change(&cfg)
	}
	p, err := publisher.New(cfg, nil)
	require.NoError(t, err)
	return p
}

// oneAttempt lets one attempt have all the time of its message.
func oneAttempt(c *publisher.Config) { c.AttemptTimeout = 3 * time.Second }

// oneByOne sends each message of a call by itself, one after the other, in one
// attempt that has all the time.
func oneByOne(c *publisher.Config) {
	oneAttempt(c)
	c.Batch.MaxMessages = 1
}

func newMessage(payload string) *message.Message {
	return message.NewMessage(watermill.NewUUID(), []byte(payload))
}

func newMessages(n int) []*message.Message {
	messages := make([]*message.Message, n)
	for i := range messages {
		messages[i] = newMessage("x")
	}
	return messages
}

func messageIn(ctx context.Context) *message.Message {
	msg := newMessage("x")
	msg.SetContext(ctx)
	return msg
}

// onSend says what happens to the first, second, ... send that arrives at any
// broker of c.
func onSend(c *embedded.Cluster, fault func(n int, r embedded.Request) embedded.Fault) {
	var n atomic.Int64
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		return fault(int(n.Add(1)), r)
	})
}

// firstSend makes one thing happen to the first send, and nothing to later ones.
func firstSend(c *embedded.Cluster, f embedded.Fault) {
	onSend(c, func(n int, _ embedded.Request) embedded.Fault {
		if n == 1 {
			return f
		}
		return embedded.Fault{}
	})
}

// everySend makes one thing happen to all sends.
func everySend(c *embedded.Cluster, f embedded.Fault) {
	onSend(c, func(int, embedded.Request) embedded.Fault { return f })
}

// sends counts the send requests that have arrived.
func sends(c *embedded.Cluster) int {
	synctest.Wait()
	return c.Stats().Requests(headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage)
}

func routeRequests(c *embedded.Cluster) int {
	synctest.Wait()
	return c.Stats().Requests(headers.CodeTopicRoute)
}

// failureOf returns the *Error that Publish promises to return.
func failureOf(t testing.TB, err error) *publisher.Error {
	t.Helper()
	require.IsType(t, (*publisher.Error)(nil), err)
	return err.(*publisher.Error)
}

// publishOne publishes one message and returns what OnResult was told, which is
// the only way to see the attempts behind a success.
func publishOne(t testing.TB, p *publisher.Publisher, seen *results) publisher.Result {
	t.Helper()
	err := p.Publish(orders, newMessage("x"))
	result := seen.next(t)
	require.NoError(t, err)
	return result
}

// outcomes lists the outcome of each message of a call.
func outcomes(e *publisher.Error) []publisher.Outcome {
	list := make([]publisher.Outcome, len(e.Results))
	for i := range e.Results {
		list[i] = e.Results[i].Outcome
	}
	return list
}

// stopwatch returns a func that tells the time since.
func stopwatch() func() time.Duration {
	began := time.Now()
	return func() time.Duration { return time.Since(began) }
}

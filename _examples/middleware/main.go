// Middleware is a router with PoisonQueue, Deduplicator, Retry, CircuitBreaker and
// Throttle, in the order in which they work together: see middlewares.
//
//	go run -C _examples ./middleware
//
// It prints, in any order:
//
//	a book: handled at attempt 1
//	a lamp: handled at attempt 3
//	a bomb: in the poison queue, since nobody carries it
//	a sofa: handled at attempt 2
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/sony/gobreaker"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const (
	topic       = "middleware-orders"
	poisonTopic = "middleware-poison"
)

func main() { example.Main(run) }

// middlewares are for a handler that calls a service. The first is the outermost.
//
//   - PoisonQueue is outside Retry, or else the first failure of a message would be its
//     last. It passes on that the circuit is open, which says nothing about the message:
//     the router nacks it then, and the broker delivers it again, after a pause.
//   - Deduplicator is outside Retry as well. It remembers a message before it is
//     handled, so that within Retry the second attempt would be taken for a duplicate,
//     and acked without having been handled. See key for those that are delivered again.
//   - Retry is outside CircuitBreaker, which counts each attempt. It does not try again
//     while the circuit is open.
//   - CircuitBreaker is outside Throttle: an attempt that it refuses does not wait.
//   - Throttle is the last, so that it bounds the calls of the service, retries included.
func middlewares(pub message.Publisher) ([]message.HandlerMiddleware, error) {
	isOpen := func(err error) bool {
		return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
	}
	poison, err := middleware.PoisonQueueWithFilter(pub, poisonTopic, func(err error) bool { return !isOpen(err) })
	if err != nil {
		return nil, err
	}
	seen, err := middleware.NewMapExpiringKeyRepository(10 * time.Minute)
	if err != nil {
		return nil, err
	}
	deduplicator := &middleware.Deduplicator{KeyFactory: key, Repository: seen, Timeout: time.Second}
	retry := middleware.Retry{
		MaxRetries:      3,
		InitialInterval: 10 * time.Millisecond,
		MaxInterval:     time.Second,
		Multiplier:      2,
		ShouldRetry:     func(p middleware.RetryParams) bool { return !isOpen(p.Err) },
	}
	breaker := middleware.NewCircuitBreaker(gobreaker.Settings{
		ReadyToTrip: func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= 5 },
		Timeout:     300 * time.Millisecond,
	})
	throttle := middleware.NewThrottle(100, time.Second)
	return []message.HandlerMiddleware{
		poison, deduplicator.Middleware, retry.Middleware, breaker.Middleware, throttle.Middleware,
	}, nil
}

// key has two copies of a message in common, and no two deliveries of one: a message
// that was nacked comes again with its UUID, and is to be handled then.
func key(msg *message.Message) (string, error) {
	info, _ := subscriber.InfoFromContext(msg.Context())
	return fmt.Sprint(msg.UUID, " ", info.Deliveries), nil
}

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	client, err := rocketmq.Connect(cluster, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	// One queue, and Ordered, so that this example has one order after the other.
	create := topics.Config{Enabled: true, Queues: 1}
	pub, err := publisher.New(publisher.Config{Client: client, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	orders, err := subscriber.New(subscriber.Config{Client: client, Group: "middleware", Ordered: true, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer orders.Close()
	poisoned, err := subscriber.New(subscriber.Config{Client: client, Group: "middleware-poison", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer poisoned.Close()
	chain, err := middlewares(pub)
	if err != nil {
		return err
	}

	ctx, done := context.WithCancel(ctx)
	defer done()
	ended := make(chan struct{}, 4) // one for each order
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	attempts := make(map[string]int)
	router.AddConsumerHandler("orders", topic, orders, func(order *message.Message) error {
		what := string(order.Payload)
		attempts[what]++
		if err := carry(what, attempts[what]); err != nil {
			return err
		}
		fmt.Printf("%s: handled at attempt %d\n", what, attempts[what])
		ended <- struct{}{}
		return nil
	}).AddMiddleware(chain...)
	// These middlewares are not for the poison queue's handler.
	router.AddConsumerHandler("poison", poisonTopic, poisoned, func(order *message.Message) error {
		fmt.Printf("%s: in the poison queue, since %s\n", order.Payload, order.Metadata.Get(middleware.ReasonForPoisonedKey))
		ended <- struct{}{}
		return nil
	})
	go func() {
		defer done()
		for range cap(ended) {
			select {
			case <-ended:
			case <-ctx.Done():
				return
			}
		}
	}()

	book := message.NewMessage(watermill.NewUUID(), []byte("a book"))
	lamp := message.NewMessage(watermill.NewUUID(), []byte("a lamp"))
	bomb := message.NewMessage(watermill.NewUUID(), []byte("a bomb"))
	sofa := message.NewMessage(watermill.NewUUID(), []byte("a sofa"))
	// The book comes twice, as after an answer that was lost.
	if err := pub.Publish(topic, book, book, lamp, bomb, sofa); err != nil {
		return err
	}
	return router.Run(ctx)
}

// carry calls the service. It fails twice for the lamp, always for the bomb, and is
// overloaded when the sofa comes: that is the fifth failure in a row, which opens the
// circuit.
func carry(what string, attempt int) error {
	switch {
	case what == "a lamp" && attempt < 3:
		return errors.New("the carrier is out")
	case what == "a bomb":
		return errors.New("nobody carries it")
	case what == "a sofa" && attempt < 2:
		return errors.New("the carrier is overloaded")
	}
	return nil
}

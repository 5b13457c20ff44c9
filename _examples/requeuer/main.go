// Requeuer brings failed messages back to where they came from, after a delay during
// which they wait at the broker: DelayOnError says how long, PoisonQueue publishes them
// to a topic of their own, and Watermill's component requeuer moves them from there,
// when they arrive, to the topic that they failed in.
//
//	go run -C _examples ./requeuer
//
// It prints:
//
//	a book: the warehouse is closed
//	a book, requeued 1 time: the warehouse is closed
//	a book, requeued 2 times: sent
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/requeuer"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"golang.org/x/sync/errgroup"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const (
	topic      = "requeuer-orders"
	laterTopic = "requeuer-later"
)

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	client, err := rocketmq.Connect(cluster, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{Client: client, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	orders, err := subscriber.New(subscriber.Config{Client: client, Group: "requeuer-orders", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer orders.Close()
	arrived, err := subscriber.New(subscriber.Config{Client: client, Group: "requeuer-later", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer arrived.Close()

	again, err := requeuer.NewRequeuer(requeuer.Config{
		Subscriber:     arrived,
		SubscribeTopic: laterTopic,
		Publisher:      pub,
		GeneratePublishTopic: func(p requeuer.GeneratePublishTopicParams) (string, error) {
			return p.Message.Metadata.Get(middleware.PoisonedTopicKey), nil
		},
		// No Delay: it would be waited out here, with the message in hand. The messages
		// of laterTopic have waited at the broker.
	}, logger)
	if err != nil {
		return err
	}
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	// PoisonQueue first, so that it publishes with the delay that DelayOnError has added.
	later, err := middleware.PoisonQueue(pub, laterTopic)
	if err != nil {
		return err
	}
	pause := middleware.DelayOnError{InitialInterval: time.Second, MaxInterval: time.Hour, Multiplier: 2}
	router.AddMiddleware(later, pause.Middleware)

	ctx, done := context.WithCancel(ctx)
	defer done()
	router.AddConsumerHandler("orders", topic, orders, func(order *message.Message) error {
		switch requeued := order.Metadata.Get(requeuer.RetriesKey); requeued {
		case "":
			fmt.Printf("%s: the warehouse is closed\n", order.Payload)
		case "1":
			fmt.Printf("%s, requeued 1 time: the warehouse is closed\n", order.Payload)
		default:
			fmt.Printf("%s, requeued %s times: sent\n", order.Payload, requeued)
			done()
			return nil
		}
		return errors.New("the warehouse is closed")
	})
	if err := pub.Publish(topic, message.NewMessage(watermill.NewUUID(), []byte("a book"))); err != nil {
		return err
	}
	var group errgroup.Group
	group.Go(func() error {
		defer done()
		return router.Run(ctx)
	})
	group.Go(func() error {
		defer done()
		return again.Run(ctx)
	})
	return group.Wait()
}

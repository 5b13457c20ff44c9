// Delayonerror has a message whose handler fails delivered again later, and each time
// later than before: Watermill's middleware DelayOnError says how long the pause is,
// and the subscriber keeps it.
//
//	go run -C _examples ./delayonerror
//
// It prints:
//
//	delivery 1: the warehouse is closed
//	delivery 2, after a pause of 1s: the warehouse is closed
//	delivery 3, after a pause of 2s: a book is sent
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const topic = "delayonerror-orders"

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{Cluster: cluster, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	// MaxDeliveries and DeadLetter say what becomes of a message that never succeeds.
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "delayonerror", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	// The router nacks the message, and the subscriber reads from its metadata when to
	// deliver it again. Without this middleware it goes by Config.Redelivery.
	later := middleware.DelayOnError{InitialInterval: time.Second, MaxInterval: time.Hour, Multiplier: 2}
	router.AddMiddleware(later.Middleware)

	ctx, done := context.WithCancel(ctx)
	defer done()
	var failed time.Time
	router.AddConsumerHandler("orders", topic, sub, func(order *message.Message) error {
		info, _ := subscriber.InfoFromContext(order.Context())
		fmt.Printf("delivery %d", info.Deliveries)
		// What the middleware has asked for last.
		if pause, err := time.ParseDuration(order.Metadata.Get(delay.DelayedForKey)); err == nil {
			fmt.Printf(", after a pause of %v", pause)
			if took := time.Since(failed); took < pause {
				fmt.Printf(" that took %v", took)
			}
		}
		failed = time.Now()
		if info.Deliveries < 3 {
			fmt.Println(": the warehouse is closed")
			return errors.New("the warehouse is closed")
		}
		fmt.Printf(": %s is sent\n", order.Payload)
		done()
		return nil
	})
	if err := pub.Publish(topic, message.NewMessage(watermill.NewUUID(), []byte("a book"))); err != nil {
		return err
	}
	return router.Run(ctx)
}

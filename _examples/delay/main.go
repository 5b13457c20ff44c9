// Delay puts messages off whose handler fails, and handles them again later: the
// middlewares DelayOnError and PoisonQueue of Watermill, whose publisher is
// RocketMQ's. It needs only Go: the broker is the embedded one.
//
//	go run -C _examples ./delay
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// laterTopic is where messages wait that could not be handled yet.
const laterTopic = "orders-later"

func main() {
	cluster, err := embedded.Start(embedded.WithTopic(laterTopic, 1))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := run(context.Background(), os.Stdout, pub); err != nil {
		log.Fatal(err)
	}
	// The message comes back to the topic by itself, where a subscriber would get
	// it.
	stored, err := cluster.AwaitMessages(context.Background(), laterTopic, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s is back after %v\n", stored[0].Body, stored[0].StoreTimestamp.Sub(stored[0].BornTimestamp).Round(time.Second))
}

// run has a router handle one message, which fails and is put off for a second.
// It returns when that is done.
func run(ctx context.Context, out io.Writer, pub message.Publisher) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	in := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	// PoisonQueue publishes what has failed, with the delay that DelayOnError has
	// written into its metadata by then.
	later, err := middleware.PoisonQueue(pub, laterTopic)
	if err != nil {
		return err
	}
	putOff := middleware.DelayOnError{InitialInterval: time.Second, MaxInterval: time.Hour, Multiplier: 5}
	router.AddMiddleware(thenEnd(end), later, putOff.Middleware)
	router.AddConsumerHandler("orders", "orders", in, func(msg *message.Message) error {
		fmt.Fprintf(out, "%s cannot be handled now\n", msg.Payload)
		return errors.New("the warehouse is closed")
	})
	if err := in.Publish("orders", message.NewMessage(watermill.NewUUID(), []byte("a book"))); err != nil {
		return err
	}
	if err := router.Run(ctx); err != nil { // until ctx ends
		return err
	}
	return in.Close()
}

// thenEnd calls end when a message has been handled, and put off if need be.
func thenEnd(end func()) message.HandlerMiddleware {
	return func(h message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			defer end()
			return h(msg)
		}
	}
}

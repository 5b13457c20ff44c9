package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

// laterTopic is where messages wait that could not be handled yet.
const laterTopic = "orders-later"

// handleOnce has a router handle one message, which fails and is put off in a topic. It
// returns when that is done.
func handleOnce(ctx context.Context, out io.Writer, pub message.Publisher, laterTopic string, putOff middleware.DelayOnError) error {
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

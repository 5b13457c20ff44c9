package publisher_test

import (
	"context"
	"fmt"
	"log"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Hooks tell what happens between Publish and its result. Here a broker is busy at
// first.
func ExampleHooks() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	var sends atomic.Int64
	cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && sends.Add(1) == 1 {
			return embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]broker busy")
		}
		return embedded.Fault{}
	})
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		Hooks: []publisher.Hooks{{
			PublishStart: func(ctx context.Context, e *publisher.PublishEvent) context.Context {
				fmt.Println("publish", e.Message.UUID, "to", e.Topic)
				return ctx // or one with a span, which all that follows gets
			},
			AttemptEnd: func(_ context.Context, e publisher.AttemptEvent) {
				fmt.Println("attempt", e.Try, "at", e.Attempt.MessageQueue.BrokerName+":", e.Attempt.Outcome) // e.Attempt.Took is for a histogram
			},
			PublishEnd: func(_ context.Context, r publisher.Result) {
				fmt.Println("published:", r.Outcome)
			},
		}, {
			Retry: func(_ context.Context, e publisher.RetryEvent) {
				fmt.Println("another listener: retry after", e.Failed, "attempt")
			},
		}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	// Output:
	// publish 1 to orders
	// attempt 1 at broker-a: not sent
	// another listener: retry after 1 attempt
	// attempt 2 at broker-a: stored
	// published: stored
}

// A hook sends trace context along. The caller's message stays as it is.
func ExamplePublishEvent_SetProperty() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		Hooks: []publisher.Hooks{{PublishStart: func(ctx context.Context, e *publisher.PublishEvent) context.Context {
			if err := e.SetProperty("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"); err != nil {
				log.Print(err)
			}
			return ctx
		}}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	msg := message.NewMessage("1", []byte("a book"))
	if err := pub.Publish("orders", msg); err != nil {
		log.Fatal(err)
	}
	stored, err := cluster.WatermillMessages("orders")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the caller's:", msg.Metadata)
	fmt.Println("a consumer's:", stored[0].Metadata)
	// Output:
	// the caller's: map[]
	// a consumer's: map[traceparent:00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01]
}

package otelrocketmq_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A handler makes a receipt of an order. All of it is one trace, in which this prints each
// span and its parent.
func Example() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1), embedded.WithTopic("receipts", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	spans := tracetest.NewInMemoryExporter() // in a program: otlptracegrpc.New
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))

	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		Hooks:   []publisher.Hooks{otelrocketmq.PublisherHooks(otelrocketmq.WithTracerProvider(provider))},
		// One attempt each, on a busy machine as well: one more would be a span more.
		SendTimeout: time.Minute, AttemptTimeout: time.Minute,
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	sub, err := subscriber.New(subscriber.Config{
		Cluster: cluster.Config(),
		Group:   "billing",
		Hooks:   []subscriber.Hooks{otelrocketmq.SubscriberHooks(otelrocketmq.WithTracerProvider(provider), otelrocketmq.WithMessageAsParent())},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	router.AddMiddleware(otelrocketmq.Middleware)
	router.AddHandler("receipts", "orders", sub, "receipts", pub, func(msg *message.Message) ([]*message.Message, error) {
		return []*message.Message{message.NewMessage("r"+msg.UUID, []byte("thank you"))}, nil
	})
	done := make(chan error)
	go func() { done <- router.Run(context.Background()) }()
	<-router.Running()

	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	if _, err := cluster.AwaitMessages(context.Background(), "receipts", 1); err != nil {
		log.Fatal(err)
	}
	if err := router.Close(); err != nil { // waits for the handler, and closes pub and sub
		log.Fatal(err)
	}
	if err := <-done; err != nil {
		log.Fatal(err)
	}
	all := spans.GetSpans()
	slices.SortFunc(all, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	for _, s := range all {
		parent := "nothing"
		for _, p := range all {
			if p.SpanContext.SpanID() == s.Parent.SpanID() {
				parent = p.Name
			}
		}
		fmt.Printf("%s (%s) in %s\n", s.Name, s.SpanKind, parent)
	}
	// Output:
	// send orders (producer) in nothing
	// attempt orders (client) in send orders
	// process orders (consumer) in send orders
	// send receipts (producer) in process orders
	// attempt receipts (client) in send receipts
}

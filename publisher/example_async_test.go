package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// PublishAsync hands messages over without waiting. OnResult is told what became of
// each, and Flush waits until it has been.
func ExamplePublisher_PublishAsync() {
	cluster := startBroker()
	defer cluster.Close()
	stored := 0 // without a lock: OnResult is told of one after the other, and Flush waits for it
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		OnResult: func(r publisher.Result) {
			if r.Err != nil {
				log.Print(r.UUID, r.Outcome, r.Err) // decide by the outcome whether to send it again
				return
			}
			stored++
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close() // waits for messages that are still on their way

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range 1000 {
		msg := message.NewMessage(fmt.Sprint(i), []byte("a book"))
		err := pub.PublishAsync("orders", msg)
		if errors.Is(err, publisher.ErrWaitingFull) {
			// As many messages wait as Config.Waiting allows.
			if err = pub.Flush(ctx); err == nil {
				err = pub.PublishAsync("orders", msg)
			}
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := pub.Flush(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored, "stored")
	// Output:
	// 1000 stored
}

// A component that takes a message.Publisher, such as a CQRS bus, publishes without waiting
// for brokers. What becomes of its messages is told to OnResult.
func ExamplePublisher_Async() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		OnResult: func(r publisher.Result) {
			fmt.Println(r.UUID, r.Outcome, r.Err) // an error would be nobody's but here
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	var bus message.Publisher = pub.Async()
	if err := bus.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err) // it has not been taken
	}
	if err := bus.Close(); err != nil { // which waits for the results
		log.Fatal(err)
	}
	// Output: 1 stored <nil>
}

package requestreply_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A Responder answers what a Requester asks. Here the broker is an embedded one.
func Example() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("greetings", 4))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()

	sub, err := subscriber.New(subscriber.Config{Cluster: cluster.Config(), Group: "greeters"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	responder, err := requestreply.NewResponder(requestreply.ResponderConfig{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer responder.Close()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		log.Fatal(err)
	}
	router.AddConsumerHandler("greeter", "greetings", sub, responder.Handler(
		func(request *message.Message) (*message.Message, error) {
			return message.NewMessage(watermill.NewUUID(), append([]byte("hello, "), request.Payload...)), nil
		},
	))
	go func() { _ = router.Run(context.Background()) }()
	defer router.Close()

	requester, err := requestreply.NewRequester(requestreply.RequesterConfig{
		Publisher: publisher.Config{Cluster: cluster.Config(), ProducerGroup: "guests"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer requester.Close()
	reply, err := requester.Request(context.Background(), "greetings", message.NewMessage(watermill.NewUUID(), []byte("Ada")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", reply.Payload)
	// Output: hello, Ada
}

// The error of a request says whether it may be handled.
func ExampleRequestError() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("greetings", 4))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	requester, err := requestreply.NewRequester(requestreply.RequesterConfig{
		Publisher: publisher.Config{Cluster: cluster.Config(), ProducerGroup: "guests"},
		Timeout:   10 * time.Second,
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer requester.Close()

	_, err = requester.Request(context.Background(), "greetings", message.NewMessage(watermill.NewUUID(), []byte("Ada")))
	var failed *requestreply.RequestError
	if errors.As(err, &failed) {
		fmt.Println(failed.Outcome, failed.SafeToRetry(), errors.Is(err, requestreply.ErrTimeout))
	}
	// Output: stored false true
}

// Without a router, Reply sends the reply to a message that a Subscriber has received.
func ExampleResponder_Reply() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("greetings", 4))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster.Config(), Group: "greeters"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	responder, err := requestreply.NewResponder(requestreply.ResponderConfig{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer responder.Close()
	messages, err := sub.Subscribe(context.Background(), "greetings")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for msg := range messages {
			if _, ok := requestreply.RequestFromContext(msg.Context()); ok {
				reply := message.NewMessage(watermill.NewUUID(), append([]byte("hello, "), msg.Payload...))
				if err := responder.Reply(msg.Context(), msg, reply); err != nil {
					log.Print(err)
				}
			}
			msg.Ack()
		}
	}()

	requester, err := requestreply.NewRequester(requestreply.RequesterConfig{
		Publisher: publisher.Config{Cluster: cluster.Config(), ProducerGroup: "guests"},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer requester.Close()
	reply, err := requester.Request(context.Background(), "greetings", message.NewMessage(watermill.NewUUID(), []byte("Ada")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", reply.Payload)
	// Output: hello, Ada
}

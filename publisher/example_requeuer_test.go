package publisher_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/requeuer"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A requeuer publishes what another Subscriber brings, here from a channel. For
// DelayOnError and PoisonQueue see _examples/requeuer.
func Example_requeuer() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	failed := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
	defer failed.Close()
	again, err := requeuer.NewRequeuer(requeuer.Config{
		Subscriber:     failed,
		SubscribeTopic: "failed",
		Publisher:      pub,
		GeneratePublishTopic: func(requeuer.GeneratePublishTopicParams) (string, error) {
			return "orders", nil
		},
	}, watermill.NopLogger{})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- again.Run(ctx) }()

	if err := failed.Publish("failed", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	messages, err := cluster.AwaitMessages(ctx, "orders", 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, try %s\n", messages[0].Body, messages[0].Properties[requeuer.RetriesKey])
	stop()
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
	// Output:
	// a book, try 1
}

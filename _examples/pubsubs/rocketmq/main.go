// Pubsubs/rocketmq publishes a message a second and receives it, in the form of the
// examples of Watermill: docker compose up runs it with a RocketMQ beside it.
package main

import (
	"context"
	"flag"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

func main() {
	nameServer := flag.String("nameserver", "nameserver:9876", "host:port of a RocketMQ name server")
	flag.Parse()
	if err := run(context.Background(), *nameServer); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, nameServer string) error {
	logger := watermill.NewStdLogger(false, false)
	cluster := rocketmq.Cluster{NameServers: []string{nameServer}}

	sub, err := subscriber.New(
		subscriber.Config{
			Cluster: cluster,
			Group:   "test_consumer_group",
		},
		logger,
	)
	if err != nil {
		return err
	}
	defer sub.Close()

	messages, err := sub.Subscribe(ctx, "example.topic")
	if err != nil {
		return err
	}

	go process(messages)

	pub, err := publisher.New(
		publisher.Config{
			Cluster:       cluster,
			ProducerGroup: "test_producer_group",
		},
		logger,
	)
	if err != nil {
		return err
	}
	defer pub.Close()

	return publishMessages(ctx, pub)
}

func publishMessages(ctx context.Context, pub message.Publisher) error {
	for {
		msg := message.NewMessage(watermill.NewUUID(), []byte("Hello, world!"))

		if err := pub.Publish("example.topic", msg); err != nil {
			return err
		}

		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

func process(messages <-chan *message.Message) {
	for msg := range messages {
		log.Printf("received message: %s, payload: %s", msg.UUID, string(msg.Payload))

		// A message that is not acknowledged is delivered again.
		msg.Ack()
	}
}

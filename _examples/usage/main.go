package main

import (
	"context"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

func main() {
	broker, err := embedded.Start() // RocketMQ in this process
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()
	cluster := broker.Config() // yours: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}

	pub, err := publisher.New(publisher.Config{Cluster: cluster}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "billing"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()

	if err := pub.Publish("orders", message.NewMessage(watermill.NewUUID(), []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	messages, err := sub.Subscribe(context.Background(), "orders")
	if err != nil {
		log.Fatal(err)
	}
	msg := <-messages
	fmt.Println("received", string(msg.Payload))
	msg.Ack()
}

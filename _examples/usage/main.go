package main

import (
	"log"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

func main() {
	pub, err := publisher.New(publisher.Config{Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}}, watermill.NewSlogLogger(nil))
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := pub.Publish("greetings", message.NewMessage(watermill.NewUUID(), []byte("hello"))); err != nil {
		log.Fatal(err) // a *publisher.Error: it says whether the message may be stored
	}
}

package rocketmq_test

import (
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Several publishers share the connections of one Client, which is closed after them.
func ExampleConnect() {
	broker := startBroker()
	defer broker.Close()

	client, err := rocketmq.Connect(broker.Config(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for _, group := range []string{"orders", "invoices"} {
		pub, err := publisher.New(publisher.Config{Client: client, ProducerGroup: group}, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer pub.Close()
		if err := pub.Publish("greetings", message.NewMessage(group, []byte("hello"))); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(broker.Stats()["broker-a"].Accepted, "connection to the broker")
	// Output: 1 connection to the broker
}

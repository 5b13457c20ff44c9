package rocketmq_test

import (
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// startBroker starts a cluster in this process.
func startBroker(opts ...embedded.Option) *embedded.Cluster {
	cluster, err := embedded.Start(append(opts, embedded.InMemory())...)
	if err != nil {
		log.Fatal(err)
	}
	return cluster
}

// Publish a message to a broker in this process.
func Example() {
	broker := startBroker()
	defer broker.Close()

	// For a cluster of yours: rocketmq.Cluster{NameServers: []string{"host:9876"}}
	cluster := broker.Config()
	pub, err := publisher.New(publisher.Config{Cluster: cluster}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := pub.Publish("greetings", message.NewMessage("6f1a", []byte("hello"))); err != nil {
		log.Fatal(err) // a *publisher.Error: it says whether the message may be stored
	}

	stored, err := broker.WatermillMessages("greetings")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(stored), "stored:", stored[0].UUID, string(stored[0].Payload))
	// Output: 1 stored: 6f1a hello
}

// A program writes its Cluster once and hands it to every publisher.
func ExampleCluster() {
	broker := startBroker()
	defer broker.Close()

	cluster := rocketmq.Cluster{NameServers: broker.NameServers(), Dial: broker.Dial, Headers: rocketmq.JSONHeaders}
	for _, group := range []string{"shop", "billing"} {
		pub, err := publisher.New(publisher.Config{Cluster: cluster, ProducerGroup: group}, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(group, pub.Publish("orders", message.NewMessage(group, []byte("a book"))))
		if err := pub.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// shop <nil>
	// billing <nil>
}

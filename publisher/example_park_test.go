package publisher_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A message that RocketMQ can never take is kept elsewhere, and the others are
// published. router.AddPublisherDecorators(publisher.Park(park)) does it for what a
// router's handlers return.
func ExamplePark() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster:        cluster.Config(),
		MaxMessageSize: 10,
		Compression:    publisher.CompressionConfig{Codec: publisher.NoCompression},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	park := func(topic string, msg *message.Message, reason error) error {
		var large *publisher.MessageTooLargeError
		fmt.Println("parked", topic, msg.UUID, errors.As(reason, &large)) // write it to a file, a database, an object store
		return nil
	}
	parked, err := publisher.Park(park)(pub)
	if err != nil {
		log.Fatal(err)
	}
	err = parked.Publish("orders",
		message.NewMessage("1", []byte("a book")),
		message.NewMessage("2", []byte("a whole library")),
		message.NewMessage("3", []byte("a pen")))
	fmt.Println(err, storedIn(cluster, "orders"), "stored")
	// Output:
	// parked orders 2 true
	// <nil> 2 stored
}

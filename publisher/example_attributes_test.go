package publisher_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A message gets RocketMQ's attributes by metadata with names of this project:
// consumers subscribe to the tag, consoles find the message by its keys.
func Example_attributes() {
	cluster := startBroker()
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	keys, err := marshaler.JoinKeys("order-42", "customer-7")
	if err != nil {
		log.Fatal(err)
	}
	msg := message.NewMessage("6f1a", []byte("a book"))
	msg.Metadata.Set(marshaler.MetadataTag, "paid")
	msg.Metadata.Set(marshaler.MetadataKeys, keys)
	msg.Metadata.Set(marshaler.MetadataFlag, "3")
	msg.Metadata.Set("currency", "EUR") // a user property
	msg.Metadata.Set("TAGS", "none")    // data like any other
	if err := pub.Publish("orders", msg); err != nil {
		log.Fatal(err)
	}
	for _, m := range messagesIn(cluster, "orders") {
		fmt.Println(m.Tags, "|", m.Keys, "|", m.Flag, "|", m.Properties["currency"])
	}

	msg.Metadata.Set(marshaler.MetadataTag, "paid || sent") // two tags, to a consumer
	err = pub.Publish("orders", msg)
	fmt.Println(errors.Is(err, marshaler.ErrIllegalTag))
	// Output:
	// paid | 6f1a order-42 customer-7 | 3 | EUR
	// true
}

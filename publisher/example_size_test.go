package publisher_test

import (
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What counts is the size of the body as it is sent: a large one that compresses
// well is fine.
func ExampleMessageTooLargeError() {
	cluster := startBroker()
	defer cluster.Close()
	publish := func(compression publisher.Compression) error {
		pub, err := publisher.New(publisher.Config{
			Cluster:     cluster.Config(),
			Compression: publisher.CompressionConfig{Codec: compression},
		}, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer pub.Close()
		return pub.Publish("orders", message.NewMessage("6f1a", []byte(strings.Repeat("a book, ", 5<<17))))
	}
	fmt.Println(publish(publisher.Zlib))

	var tooLarge *publisher.MessageTooLargeError
	if errors.As(publish(publisher.NoCompression), &tooLarge) {
		fmt.Println(tooLarge.Size, "is over", tooLarge.Limit)
	}
	// Output:
	// <nil>
	// 5242880 is over 4194304
}

// Bodies from Threshold on are compressed, if that makes them smaller.
func ExampleCompressionConfig() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster:     cluster.Config(),
		Compression: publisher.CompressionConfig{Codec: publisher.Zstd, Threshold: 1024},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for _, n := range []int{10, 10_000} {
		if err := pub.Publish("orders", message.NewMessage("6f1a", []byte(strings.Repeat("a book, ", n)))); err != nil {
			log.Fatal(err)
		}
	}
	for _, m := range messagesIn(cluster, "orders") {
		fmt.Println(m.SysFlag&headers.SysFlagCompressed != 0, len(m.Body) < 100)
	}
	// Output:
	// false true
	// true true
}

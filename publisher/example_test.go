package publisher_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// startBroker starts a cluster in this process. A program of yours names real
// name servers instead, and needs no Dial.
func startBroker(opts ...embedded.Option) *embedded.Cluster {
	cluster, err := embedded.Start(append(opts, embedded.InMemory())...)
	if err != nil {
		log.Fatal(err)
	}
	return cluster
}

// Publish a message, and decide by the outcome what to do if that fails.
func Example() {
	cluster := startBroker()
	defer cluster.Close()

	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	publish := func(topic, payload string) {
		err := pub.Publish(topic, message.NewMessage("6f1a", []byte(payload)))
		var failed *publisher.Error
		switch {
		case err == nil:
			fmt.Println("stored")
		case !errors.As(err, &failed):
			fmt.Println("not an error of this publisher:", err)
		case failed.Outcome() == publisher.NotSent:
			fmt.Println("no broker has it, so it can be sent again:", failed.Unwrap())
		default: // MayBeStored or Stored
			fmt.Println("sending it again may make a duplicate:", failed.Unwrap())
		}
	}
	publish("orders", "a book")
	publish("TBW102", "a book")
	// Output:
	// stored
	// no broker has it, so it can be sent again: marshaler: topic "TBW102": the name is reserved by RocketMQ
}

// Several messages of one call are sent one after the other. All of them are
// checked before the first is sent.
func ExamplePublisher_Publish() {
	cluster := startBroker()
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	first := message.NewMessage("1", []byte("a book"))
	second := message.NewMessage("2", []byte("a pen"))
	second.Metadata.Set("currency", "EUR")
	if err := pub.Publish("orders", first, second); err != nil {
		log.Fatal(err)
	}
	fmt.Println(storedIn(cluster, "orders"), "stored")

	second.Metadata.Set(marshaler.MetadataTag, "paid|shipped")
	err = pub.Publish("orders", first, second)
	fmt.Println(errors.Is(err, publisher.ErrPermanent), errors.Is(err, marshaler.ErrIllegalTag))
	fmt.Println(storedIn(cluster, "orders"), "stored")
	// Output:
	// 2 stored
	// true true
	// 2 stored
}

// OnResult tells of each message where it went, which Publish's nil does not.
func ExampleConfig() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		OnResult: func(r publisher.Result) {
			fmt.Println(r.UUID, r.Outcome, r.MessageQueue.BrokerName, r.MessageQueue.QueueID, r.QueueOffset, r.Err)
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for _, uuid := range []string{"1", "2"} {
		if err := pub.Publish("orders", message.NewMessage(uuid, []byte("a book"))); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1 stored broker-a 0 0 <nil>
	// 2 stored broker-a 0 1 <nil>
}

// An Error says of each message of the call what became of it. Here the broker
// refuses the second.
func ExampleError() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && bytes.Contains(r.Command.Body, []byte("a pen")) {
			return embedded.Answer(headers.MessageIllegal, "the message is illegal")
		}
		return embedded.Fault{}
	})
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	err = pub.Publish("orders",
		message.NewMessage("1", []byte("a book")),
		message.NewMessage("2", []byte("a pen")),
		message.NewMessage("3", []byte("a map")),
	)
	var failed *publisher.Error
	if errors.As(err, &failed) {
		for _, r := range failed.Results {
			fmt.Println(r.UUID, r.Outcome, errors.Is(r.Err, publisher.ErrNotAttempted))
		}
	}
	fmt.Println(errors.Is(err, &headers.StatusError{Code: headers.MessageIllegal}))
	// Output:
	// 1 stored false
	// 2 not sent false
	// 3 not sent true
	// true
}

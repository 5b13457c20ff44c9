package subscriber_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A Subscriber gives its messages on a channel. Here the broker is an embedded one.
func Example() {
	cluster, err := embedded.Start(embedded.InMemory())
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := pub.Publish("greetings", message.NewMessage(watermill.NewUUID(), []byte("hello"))); err != nil {
		log.Fatal(err)
	}

	sub, err := subscriber.New(subscriber.Config{Cluster: cluster.Config(), Group: "example"}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	messages, err := sub.Subscribe(context.Background(), "greetings")
	if err != nil {
		log.Fatal(err)
	}
	msg := <-messages
	fmt.Printf("%s\n", msg.Payload)
	msg.Ack()
	// Output: hello
}

// exampleCluster starts an embedded broker that has messages with these payloads in a
// topic.
func exampleCluster(topic string, payloads ...string) (*embedded.Cluster, *publisher.Publisher) {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic(topic, 4))
	if err != nil {
		log.Fatal(err)
	}
	pub, err := publisher.New(publisher.Config{
		Cluster:     cluster.Config(),
		OrderingKey: func(_ string, m *message.Message) (string, error) { return m.Metadata.Get("customer"), nil },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for i, payload := range payloads {
		msg := message.NewMessage(watermill.NewUUID(), []byte(payload))
		msg.Metadata.Set("customer", "ada")
		msg.Metadata.Set(marshaler.MetadataTag, []string{"even", "odd"}[i%2])
		if err := pub.Publish(topic, msg); err != nil {
			log.Fatal(err)
		}
	}
	return cluster, pub
}

// exampleSubscribe subscribes to a topic.
func exampleSubscribe(cfg subscriber.Config, topic string) (*subscriber.Subscriber, <-chan *message.Message) {
	sub, err := subscriber.New(cfg, nil)
	if err != nil {
		log.Fatal(err)
	}
	messages, err := sub.Subscribe(context.Background(), topic)
	if err != nil {
		log.Fatal(err)
	}
	return sub, messages
}

// With Ordered the messages of an ordering key come one at a time and in order, also when
// one of them is nacked.
func ExampleConfig_ordered() {
	cluster, pub := exampleCluster("orders", "created", "paid", "shipped")
	defer cluster.Close()
	defer pub.Close()
	sub, messages := exampleSubscribe(subscriber.Config{Cluster: cluster.Config(), Group: "billing", Ordered: true}, "orders")
	defer sub.Close()
	for done := 0; done < 3; {
		msg := <-messages
		info, _ := subscriber.InfoFromContext(msg.Context())
		fmt.Printf("%s, delivery %d\n", msg.Payload, info.Deliveries)
		if string(msg.Payload) == "paid" && info.Deliveries == 1 {
			msg.Nack()
			continue
		}
		msg.Ack()
		done++
	}
	// Output:
	// created, delivery 1
	// paid, delivery 1
	// paid, delivery 2
	// shipped, delivery 1
}

// Brokers filter by tag, so that other messages are not sent.
func ExampleTags() {
	cluster, pub := exampleCluster("numbers", "0", "1", "2", "3")
	defer cluster.Close()
	defer pub.Close()
	sub, messages := exampleSubscribe(subscriber.Config{
		Cluster: cluster.Config(), Group: "odd",
		Filters: map[string]subscriber.Filter{"numbers": subscriber.Tags("odd")},
	}, "numbers")
	defer sub.Close()
	var got []string
	for range 2 {
		msg := <-messages
		got = append(got, string(msg.Payload))
		msg.Ack()
	}
	slices.Sort(got)
	fmt.Println(got)
	// Output: [1 3]
}

// A message that fails for good goes to a topic of its own, with the reason.
func ExampleDeadLetterTo() {
	cluster, pub := exampleCluster("orders", "a bad one")
	defer cluster.Close()
	defer pub.Close()
	sub, messages := exampleSubscribe(subscriber.Config{
		Cluster: cluster.Config(), Group: "billing",
		MaxDeliveries: 2,
		Redelivery:    subscriber.RedeliveryConfig{MinPause: time.Millisecond},
		DeadLetter:    subscriber.DeadLetterTo(pub, "failed-orders"),
	}, "orders")
	defer sub.Close()
	for range 2 {
		(<-messages).Nack()
	}
	letters, err := cluster.AwaitWatermillMessages(context.Background(), "failed-orders", 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s, from %s\n", letters[0].Payload, letters[0].Metadata.Get("reason_poisoned"), letters[0].Metadata.Get("topic_poisoned"))
	// Output: a bad one: nacked 2 times, from orders
}

// A handler that takes too long finds its context ended, and why.
func ExampleConfig_maxProcessing() {
	cluster, pub := exampleCluster("orders", "slow")
	defer cluster.Close()
	defer pub.Close()
	sub, messages := exampleSubscribe(subscriber.Config{
		Cluster: cluster.Config(), Group: "billing", MaxProcessing: 50 * time.Millisecond,
	}, "orders")
	defer sub.Close()
	msg := <-messages
	<-msg.Context().Done()
	fmt.Println(errors.Is(context.Cause(msg.Context()), subscriber.ErrProcessingTime))
	(<-messages).Ack() // it comes again
	// Output: true
}

// Seek has a group consume once more what it has acked, and Lag tells how far it is behind.
func ExampleSubscriber_Seek() {
	cluster, pub := exampleCluster("orders", "one", "two")
	defer cluster.Close()
	defer pub.Close()
	sub, messages := exampleSubscribe(subscriber.Config{
		Cluster: cluster.Config(), Group: "billing", Engine: subscriber.Pull, Ordered: true,
	}, "orders")
	defer sub.Close()
	for range 2 {
		(<-messages).Ack()
	}
	if err := sub.Seek(context.Background(), "orders", subscriber.Earliest()); err != nil {
		log.Fatal(err)
	}
	for range 2 {
		msg := <-messages
		fmt.Printf("%s\n", msg.Payload)
		msg.Ack()
	}
	// Output:
	// one
	// two
}

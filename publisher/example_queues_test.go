package publisher_test

import (
	"fmt"
	"log"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// firstBroker keeps to the broker that comes first, until it fails.
type firstBroker struct{}

func (firstBroker) Select(r *routing.Route, avoid []string) routing.MessageQueue {
	if len(avoid) > 0 {
		return routing.RoundRobin{}.Select(r, avoid)
	}
	return r.WriteQueues()[0]
}

// Messages without an ordering key go where the selector says.
func ExampleQueuesConfig() {
	cluster := startBroker(embedded.WithBrokers(2), embedded.WithTopic("orders", 4))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		Queues:  publisher.QueuesConfig{Selector: firstBroker{}}, // or routing.Random{}
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for _, payload := range []string{"a book", "a pen"} {
		if err := pub.Publish("orders", message.NewMessage("6f1a", []byte(payload))); err != nil {
			log.Fatal(err)
		}
	}
	for _, m := range messagesIn(cluster, "orders") {
		fmt.Println(m.BrokerName, m.QueueID, string(m.Body))
	}
	// Output:
	// broker-a 0 a book
	// broker-a 0 a pen
}

// Where rocketmq-client-go publishes to the same topic, a key has one queue only if
// both hash it the same way.
func ExampleQueuesConfig_keyHash() {
	cluster := startBroker(embedded.WithTopic("orders", 8))
	defer cluster.Close()

	for _, hash := range []routing.KeyHash{routing.JavaHash, routing.FNV1a} {
		pub, err := publisher.New(publisher.Config{
			Cluster:     cluster.Config(),
			OrderingKey: func(_ string, msg *message.Message) (string, error) { return msg.Metadata.Get("customer"), nil },
			Queues:      publisher.QueuesConfig{KeyHash: hash},
			OnResult:    func(r publisher.Result) { fmt.Println(hash, r.MessageQueue.QueueID) },
		}, nil)
		if err != nil {
			log.Fatal(err)
		}
		msg := message.NewMessage("6f1a", []byte("a book"))
		msg.Metadata.Set("customer", "order-42")
		if err := pub.Publish("orders", msg); err != nil {
			log.Fatal(err)
		}
		if err := pub.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// java 5
	// fnv1a 4
}

// A hash of your own may as well be the number of a queue that the message names.
func ExampleQueuesConfig_keyHashFunc() {
	cluster := startBroker(embedded.WithTopic("orders", 8))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster:     cluster.Config(),
		OrderingKey: func(_ string, msg *message.Message) (string, error) { return msg.Metadata.Get("shard"), nil },
		Queues: publisher.QueuesConfig{KeyHashFunc: func(key string) uint64 {
			shard, err := strconv.ParseUint(key, 10, 64)
			if err != nil {
				return 0 // what has no number goes to the first queue
			}
			return shard
		}},
		OnResult: func(r publisher.Result) { fmt.Println(r.MessageQueue.QueueID) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for _, shard := range []string{"3", "11", "none"} {
		msg := message.NewMessage("6f1a", []byte("a book"))
		msg.Metadata.Set("shard", shard)
		if err := pub.Publish("orders", msg); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 3
	// 3
	// 0
}

// Random queues suit many short-lived publishers, each of which would begin a round
// robin of its own.
func ExampleQueuesConfig_random() {
	cluster := startBroker(embedded.WithTopic("orders", 4))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		Queues:  publisher.QueuesConfig{Selector: routing.Random{}},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for range 200 {
		if err := pub.Publish("orders", message.NewMessage("6f1a", []byte("a book"))); err != nil {
			log.Fatal(err)
		}
	}
	used := make(map[int32]bool)
	for _, m := range messagesIn(cluster, "orders") {
		used[m.QueueID] = true
	}
	fmt.Println(len(used), "queues used")
	// Output:
	// 4 queues used
}

// An order topic names its queues at the name server. Keys go by that list, as with
// the Java client: here the first queue is one of broker-b.
func ExampleConfig_orderTopic() {
	cluster := startBroker(embedded.WithBrokers(2), embedded.WithTopic("orders", 3), embedded.WithOrderTopic("orders", "broker-b:3;broker-a:2"))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster:     cluster.Config(),
		OrderingKey: func(_ string, msg *message.Message) (string, error) { return msg.Metadata.Get("customer"), nil },
		OnResult:    func(r publisher.Result) { fmt.Println(r.MessageQueue.BrokerName, r.MessageQueue.QueueID) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for _, customer := range []string{"a", "order", "polygenelubricants"} {
		msg := message.NewMessage("6f1a", []byte("a book"))
		msg.Metadata.Set("customer", customer)
		if err := pub.Publish("orders", msg); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// broker-b 2
	// broker-b 0
	// broker-a 0
}

package publisher_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// One of two brokers is down. The message that finds out is sent to the other,
// and those after it go there at once.
func Example_failover() {
	cluster := startBroker(embedded.WithBrokers(2), embedded.WithTopic("orders", 1))
	defer cluster.Close()

	failures := 0
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		OnResult: func(r publisher.Result) {
			for _, attempt := range r.Failed {
				failures++
				fmt.Println(attempt.MessageQueue.BrokerName, "failed,", attempt.Outcome)
			}
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	cluster.Broker(0).Kill()
	for i := range 10 {
		if err := pub.Publish("orders", message.NewMessage(fmt.Sprint(i), []byte("a book"))); err != nil {
			log.Fatal(err)
		}
	}
	for _, m := range messagesIn(cluster, "orders")[:1] {
		fmt.Println("stored by", m.BrokerName)
	}
	fmt.Println(len(messagesIn(cluster, "orders")), "messages stored,", failures, "attempt failed")
	// Output:
	// broker-a failed, not sent
	// stored by broker-b
	// 10 messages stored, 1 attempt failed
}

// A broker that shuts down gracefully (enableShutdownGracefully, 5.5) says GO_AWAY.
// The message that hears of it is sent to another.
func Example_goAway() {
	cluster := startBroker(embedded.WithBrokers(2), embedded.WithTopic("orders", 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		OnResult: func(r publisher.Result) {
			for _, attempt := range r.Failed {
				fmt.Println(attempt.MessageQueue.BrokerName, errors.Is(attempt.Err, &headers.StatusError{Code: headers.GoAway}), attempt.Outcome)
			}
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for i := range 6 {
		if i == 2 { // both brokers have a message
			cluster.Broker(0).SetCondition(embedded.GoingAway)
		}
		if err := pub.Publish("orders", message.NewMessage(fmt.Sprint(i), []byte("a book"))); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(storedIn(cluster, "orders"), "stored")
	// Output:
	// broker-a true not sent
	// 6 stored
}

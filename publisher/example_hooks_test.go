package publisher_test

import (
	"fmt"
	"log"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Hooks tell what happens between Publish and its result. Here a broker is busy at
// first.
func ExampleHooks() {
	cluster := startBroker(embedded.WithTopic("orders", 1))
	defer cluster.Close()
	var sends atomic.Int64
	cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && sends.Add(1) == 1 {
			return embedded.Answer(headers.SystemBusy, "[TIMEOUT_CLEAN_QUEUE]broker busy")
		}
		return embedded.Fault{}
	})
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		Hooks: publisher.Hooks{
			BeforeSend: func(e publisher.SendEvent) {
				fmt.Println("send", e.UUIDs, "to", e.MessageQueue.BrokerName, "try", e.Try)
			},
			AfterAttempt: func(e publisher.AttemptEvent) {
				fmt.Println("attempt:", e.Attempt.Outcome) // e.Attempt.Took is for a histogram
			},
			Retry: func(e publisher.RetryEvent) {
				fmt.Println("retry after", e.Failed, "attempt")
			},
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	// Output:
	// send [1] to broker-a try 1
	// attempt: not sent
	// retry after 1 attempt
	// send [1] to broker-a try 2
	// attempt: stored
}

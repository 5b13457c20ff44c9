package publisher_test

import (
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// PublishOneway asks for no answer: whether the message is stored, nobody knows.
func ExamplePublisher_PublishOneway() {
	cluster := startBroker()
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		OnResult: func(r publisher.Result) {
			fmt.Println(r.Outcome, r.Err)
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := pub.PublishOneway("temperatures", message.NewMessage("1", []byte("21.5"))); err != nil {
		log.Fatal(err) // no broker could be reached, or the message cannot be sent at all
	}
	if err := pub.Close(); err != nil { // says goodbye to the broker behind the message
		log.Fatal(err)
	}
	fmt.Println(storedIn(cluster, "temperatures"), "stored")
	// Output:
	// may be stored <nil>
	// 1 stored
}

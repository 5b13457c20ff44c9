package publisher_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// With Trace a record of each message goes to a topic of its own, where
// mqadmin queryMsgTraceById finds it. Real brokers make that topic when they are
// configured with traceTopicEnable.
func ExampleTraceConfig() {
	cluster := startBroker(embedded.WithTopic(publisher.DefaultTraceTopic, 1))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		Trace:   publisher.TraceConfig{Enabled: true},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := pub.Publish("orders", message.NewMessage("6f1a", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	if err := pub.Close(); err != nil { // traces are gathered for a second, or until Close
		log.Fatal(err)
	}
	for _, m := range messagesIn(cluster, publisher.DefaultTraceTopic) {
		fields := strings.Split(string(m.Body), "\x01")
		fmt.Println("record:", fields[0], "topic:", fields[4], "keys:", fields[7], "success:", strings.TrimSuffix(fields[13], "\x02"))
	}
	// Output:
	// record: Pub topic: orders keys: 6f1a success: true
}

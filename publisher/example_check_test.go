package publisher_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// Look at all that publishing depends on before the first message. Nothing is
// stored by that.
func ExamplePublisher_Check() {
	cluster := startBroker(embedded.WithTopic("orders", 4))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	report, err := pub.Check(context.Background(), "orders", "odrers")
	if err != nil {
		log.Fatal(err)
	}
	// Times are left out here, as they differ from run to run.
	report.Took = 0
	for i := range report.Items {
		report.Items[i].Took = 0
	}
	fmt.Println(report)

	// What keeps messages from being published is an error, and only that. On a
	// developer's machine brokers may create topics.
	fmt.Println()
	fmt.Println("error:", report.Err())
	for _, item := range report.Without(check.AutoCreate).Warnings() {
		fmt.Println("warning:", item)
	}
	// Output:
	// RocketMQ check: 13 ok, 2 warnings, 0 bad, 0 unknown
	// ok       TLS                 all servers: off: Cluster.TLS is nil, messages travel in plain text
	// ok       name server         127.0.0.1:9876: answers, RocketMQ 5.5.0, brokers: 1
	// ok       registered brokers  at all name servers: broker-a of DefaultCluster
	// ok       topic               orders: exists, 4 queues on broker-a
	// ok       write permission    orders: granted to producers by the route
	// ok       master              orders: present on each broker of the topic
	// warning  topic               odrers: does not exist; the broker that gets the first message would create it by itself, on that broker alone
	//                              -> create it, such as by: mqadmin updateTopic -n 127.0.0.1:9876 -c DefaultCluster -t odrers -r 8 -w 8; or by Publisher.CreateTopic, or set Config.CreateTopics.Enabled
	// ok       broker              broker-a 127.0.0.1:10911: can be reached, RocketMQ 5.5.0
	// ok       heartbeat           broker-a 127.0.0.1:10911: taken from producer group "watermill_producer"
	// ok       credentials         broker-a 127.0.0.1:10911: none are configured, and none are wanted for a heartbeat
	// warning  auto-create         broker-a 127.0.0.1:10911: the broker creates a topic for each unknown name (autoCreateTopicEnable=true)
	//                              -> set autoCreateTopicEnable=false: a topic made so is on the broker that got its first message alone, and a misspelt name is not noticed
	// ok       message size        broker-a 127.0.0.1:10911: the broker takes bodies of 4194304 bytes, Config.MaxMessageSize is 4194304
	// ok       timer messages      broker-a 127.0.0.1:10911: the broker has them, up to 72h0m0s ahead
	// ok       recall              broker-a 127.0.0.1:10911: needed for Publisher.Recall only: off on this broker (recallMessageEnable=false)
	// ok       clock               broker-a 127.0.0.1:10911: the same as this machine's, as far as whole seconds tell
	//
	// error: <nil>
	// warning: topic odrers: does not exist; the broker that gets the first message would create it by itself, on that broker alone
}

// Create topics that do not exist, on every master of the cluster.
func ExampleConfig_createTopics() {
	cluster := startBroker(embedded.WithBrokers(2), embedded.WithoutAutoCreateTopic())
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(),
		CreateTopics: topics.Config{
			Enabled:     true,
			Queues:      8,
			MessageType: topics.FIFO, // for RocketMQ 5.x
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	for _, broker := range cluster.Brokers() {
		for _, topic := range broker.Topics() {
			fmt.Println(broker.Name(), topic.Name, topic.WriteQueues, topic.Attributes["message.type"])
		}
	}
	// Output:
	// broker-a orders 8 FIFO
	// broker-b orders 8 FIFO
}

// Create a topic at the start of a program. One that is there stays as it is.
func ExamplePublisher_CreateTopic() {
	cluster := startBroker(embedded.WithoutAutoCreateTopic(), embedded.WithTopic("invoices", 3))
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	for _, topic := range []string{"orders", "invoices"} {
		if err := pub.CreateTopic(context.Background(), topic); err != nil {
			log.Fatal(err)
		}
	}
	for _, topic := range cluster.Broker(0).Topics() {
		fmt.Println(topic.Name, topic.WriteQueues)
	}
	// Output:
	// invoices 3
	// orders 4
}

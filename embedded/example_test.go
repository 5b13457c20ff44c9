package embedded_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wm "github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A transaction whose commit never came is settled by a check, at once.
func ExampleBroker_CheckTransactions() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	p, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(), ProducerGroup: "shop",
		SendTimeout: time.Minute, AttemptTimeout: time.Minute, // a busy machine sends but once
		Transaction: publisher.TransactionConfig{
			Check: func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
				return publisher.TransactionCommit
			},
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	tx, err := p.BeginTransaction("orders", wm.NewMessage("1", []byte("two pizzas")))
	if err != nil {
		log.Fatal(err)
	}
	tx.Unknown()

	ctx := context.Background()
	if err := cluster.Broker(0).AwaitProducer(ctx, "shop"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(cluster.Broker(0).CheckTransactions(), "asked")
	messages, err := cluster.AwaitMessages(ctx, "orders", 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", messages[0].Body)
	// Output:
	// 1 asked
	// two pizzas
}

// A publisher in front of a broker that is busy at first.
func Example() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()

	busy := true
	cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && busy {
			busy = false
			return embedded.Answer(headers.SystemBusy, "try again")
		}
		return embedded.Fault{}
	})

	p, err := publisher.New(publisher.Config{
		Cluster:     cluster.Config(),
		SendTimeout: time.Minute, AttemptTimeout: time.Minute, // a busy machine sends no more often
	}, watermill.NopLogger{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	if err := p.Publish("orders", wm.NewMessage("1", []byte("two pizzas"))); err != nil {
		log.Fatal(err)
	}

	messages, err := cluster.AwaitMessages(context.Background(), "orders", 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s after %d sends\n", messages[0].Body, cluster.Stats().Requests(headers.CodeSendMessageV2))
	// Output: two pizzas after 2 sends
}

// A test looks at what was published as Watermill messages.
func ExampleCluster_AwaitWatermillMessages() {
	cluster, err := embedded.Start(embedded.InMemory())
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	p, err := publisher.New(publisher.Config{Cluster: cluster.Config(), SendTimeout: time.Minute}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	msg := wm.NewMessage("1", []byte("two pizzas"))
	msg.Metadata.Set("name", "OrderPlaced")
	if err := p.Publish("shop.orders", msg); err != nil {
		log.Fatal(err)
	}

	messages, err := cluster.AwaitWatermillMessages(context.Background(), "shop.orders", 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(messages[0].UUID, messages[0].Metadata, string(messages[0].Payload))
	_, err = cluster.Messages("shop.orders")
	fmt.Println(err)
	// Output:
	// 1 map[name:OrderPlaced] two pizzas
	// embedded: there is no topic "shop.orders" in RocketMQ: the Watermill topic of that name is _wm_shop-2Eorders there (see WatermillMessages)
}

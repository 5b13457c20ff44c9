package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Consumers get the message after Commit, and never if it is rolled back.
func ExamplePublisher_BeginTransaction() {
	cluster := startBroker()
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster:       cluster.Config(),
		ProducerGroup: "shop", // the program's own: see TransactionConfig.Check
		Transaction: publisher.TransactionConfig{
			// Asked when a commit is lost. A real one looks into a database.
			Check: func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
				return publisher.TransactionUnknown
			},
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	ctx := context.Background()
	tx, err := pub.BeginTransaction("orders", message.NewMessage("1", []byte("a book")))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(storedIn(cluster, "orders"), "for consumers")
	if err := tx.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(storedIn(cluster, "orders"), "for consumers")
	fmt.Println(errors.Is(tx.Rollback(ctx), publisher.ErrTransactionEnded))
	// Output:
	// 0 for consumers
	// 1 for consumers
	// true
}

// The transaction ends as the local work says. An error beside the state is given
// back to the caller.
func ExamplePublisher_PublishInTransaction() {
	cluster := startBroker()
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster:       cluster.Config(),
		ProducerGroup: "shop", // the program's own: see TransactionConfig.Check
		Transaction: publisher.TransactionConfig{
			Check: func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
				return publisher.TransactionUnknown
			},
		},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	errNoMoney := errors.New("no money")
	for _, pays := range []bool{true, false} {
		err := pub.PublishInTransaction("orders", message.NewMessage("1", []byte("a book")),
			func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) {
				if !pays {
					return publisher.TransactionRollback, errNoMoney
				}
				return publisher.TransactionCommit, nil
			})
		fmt.Println(errors.Is(err, errNoMoney), storedIn(cluster, "orders"))
	}
	// Output:
	// false 1
	// true 1
}

// A broker that has heard nothing of a transaction asks a producer of the group,
// also one that has not begun it.
func ExampleTransactionConfig() {
	// A real broker asks when six seconds have passed, and every 30 s from then on.
	cluster := startBroker(embedded.WithTransactionCheck(200*time.Millisecond, 200*time.Millisecond, 15))
	defer cluster.Close()
	decided := make(chan string, 15)
	cfg := publisher.Config{
		Cluster:       cluster.Config(),
		ProducerGroup: "shop", // the program's own: see TransactionConfig.Check
		Transaction: publisher.TransactionConfig{
			Check: func(_ context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
				decided <- fmt.Sprintf("%s in %s", msg.Message.Payload, msg.Topic)
				return publisher.TransactionCommit
			},
		},
	}
	first, err := publisher.New(cfg, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := first.BeginTransaction("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	if err := first.Close(); err != nil { // the transaction stays open
		log.Fatal(err)
	}

	second, err := publisher.New(cfg, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close()
	fmt.Println(<-decided)
	if _, err := cluster.AwaitMessages(context.Background(), "orders", 1); err != nil {
		log.Fatal(err)
	}
	fmt.Println(storedIn(cluster, "orders"), "for consumers")
	// Output:
	// a book in orders
	// 1 for consumers
}

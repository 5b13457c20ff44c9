package outbox_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A message is published with the database transaction, and dropped with it. The
// program in _examples/outbox does the same on SQLite, and is killed meanwhile.
func Example() {
	cluster, err := embedded.Start(embedded.InMemory())
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	_, db := newDatabase() // yours comes from sql.Open
	defer db.Close()

	ctx := context.Background()
	box, err := outbox.New(db, outbox.Config{Dialect: outbox.SQLite})
	if err != nil {
		log.Fatal(err)
	}
	if err := box.CreateTable(ctx); err != nil {
		log.Fatal(err)
	}
	pub, err := publisher.New(publisher.Config{
		Cluster:       cluster.Config(),
		ProducerGroup: "shop", // the program's own: see TransactionConfig.Check
		SendTimeout:   time.Minute,
		Transaction:   publisher.TransactionConfig{Check: box.Check},
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()

	pay := func(order string, money bool) error {
		tx, err := box.Begin(ctx, pub, nil)
		if err != nil {
			return err
		}
		defer tx.Close() // rolls back what is not committed
		if _, err := tx.ExecContext(ctx, "UPDATE orders SET paid = true WHERE name = ?", order); err != nil {
			return err
		}
		if err := tx.Publish("orders.paid", message.NewMessage(order, []byte(order))); err != nil {
			return err
		}
		if !money {
			return fmt.Errorf("no money for %s", order)
		}
		return tx.Commit()
	}
	fmt.Println(pay("a book", true))
	fmt.Println(pay("a yacht", false))
	published, err := cluster.WatermillMessages("orders.paid")
	if err != nil {
		log.Fatal(err)
	}
	for _, msg := range published {
		fmt.Printf("published: %s\n", msg.Payload)
	}
	// Output:
	// <nil>
	// no money for a yacht
	// published: a book
}

// Forwarder writes orders and their events in one transaction of PostgreSQL, with
// watermill-sql, and Watermill's component forwarder publishes the events to RocketMQ, in
// the order of each customer. The outbox example does without a forwarder.
//
//	go run -C _examples ./forwarder
//
// It starts a PostgreSQL, which has to be installed; -postgres names one that runs.
//
// It prints:
//
//	rolled back: no money for a yacht
//	Anna: order 1, order 2, order 3
//	Bert: order 1, order 2
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/database"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

var postgres = flag.String("postgres", "", "connection string of a PostgreSQL; empty starts one")

const (
	topic = "forwarder-orders"
	// outboxTopic is a table of the database.
	outboxTopic = "forwarder_outbox"
	// customerKey is the metadata with an event's customer.
	customerKey = "customer"
)

var schema = wsql.DefaultPostgreSQLSchema{}

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	db, err := database.PostgreSQL(ctx, *postgres)
	if err != nil {
		return err
	}
	defer db.Close()
	pool, err := pgxpool.New(ctx, db.Source)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, "CREATE TABLE IF NOT EXISTS forwarder_orders (customer TEXT NOT NULL, what TEXT NOT NULL)"); err != nil {
		return err
	}
	outbox, err := wsql.NewSubscriber(wsql.BeginnerFromPgx(pool), wsql.SubscriberConfig{
		SchemaAdapter:  schema,
		OffsetsAdapter: wsql.DefaultPostgreSQLOffsetsAdapter{},
		PollInterval:   100 * time.Millisecond,
	}, logger)
	if err != nil {
		return err
	}
	defer outbox.Close()
	if err := outbox.SubscribeInitialize(outboxTopic); err != nil { // makes the tables
		return err
	}

	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{
		Cluster:      cluster,
		CreateTopics: create,
		OrderingKey:  func(_ string, msg *message.Message) (string, error) { return msg.Metadata.Get(customerKey), nil },
	}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	// It publishes one message after the other, as they were committed, and tries one that
	// fails again until it is stored.
	forward, err := forwarder.NewForwarder(outbox, pub, logger, forwarder.Config{ForwarderTopic: outboxTopic})
	if err != nil {
		return err
	}
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "forwarder", Ordered: true, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()

	if err := place(ctx, pool, logger, "Bert", "a yacht"); !errors.Is(err, errNoMoney) {
		return fmt.Errorf("a yacht was ordered: %w", err)
	}
	fmt.Println("rolled back: no money for a yacht")
	for _, order := range [][2]string{{"Anna", "order 1"}, {"Bert", "order 1"}, {"Anna", "order 2"}, {"Anna", "order 3"}, {"Bert", "order 2"}} {
		if err := place(ctx, pool, logger, order[0], order[1]); err != nil {
			return err
		}
	}

	ctx, done := context.WithCancel(ctx)
	defer done()
	var group errgroup.Group
	group.Go(func() error {
		defer done()
		return forward.Run(ctx)
	})
	group.Go(func() error {
		defer done()
		messages, err := sub.Subscribe(ctx, topic)
		if err != nil {
			return err
		}
		orders := make(map[string][]string) // by customer
		for range 5 {
			msg, ok := <-messages
			if !ok {
				return ctx.Err()
			}
			customer := msg.Metadata.Get(customerKey)
			orders[customer] = append(orders[customer], string(msg.Payload))
			msg.Ack()
		}
		for _, customer := range []string{"Anna", "Bert"} {
			fmt.Printf("%s: %s\n", customer, strings.Join(orders[customer], ", "))
		}
		return nil
	})
	return group.Wait()
}

var errNoMoney = errors.New("no money")

// place writes an order, and its event into the outbox, both or none of them.
func place(ctx context.Context, pool *pgxpool.Pool, logger watermill.LoggerAdapter, customer, what string) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO forwarder_orders (customer, what) VALUES ($1, $2)", customer, what); err != nil {
			return err
		}
		outbox, err := wsql.NewPublisher(wsql.TxFromPgx(tx), wsql.PublisherConfig{SchemaAdapter: schema}, logger)
		if err != nil {
			return err
		}
		events := forwarder.NewPublisher(outbox, forwarder.PublisherConfig{ForwarderTopic: outboxTopic})
		event := message.NewMessage(watermill.NewUUID(), []byte(what))
		event.SetContext(ctx)
		event.Metadata.Set(customerKey, customer)
		if err := events.Publish(topic, event); err != nil {
			return err
		}
		if what == "a yacht" {
			return errNoMoney
		}
		return nil
	})
}

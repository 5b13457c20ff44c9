// Outboxpgx has package outbox beside native pgx: orders are written with pgx's CopyFrom
// into PostgreSQL, and in the same transaction their messages are published. Both share
// one pool of connections.
//
//	go run -C _examples ./outboxpgx
//
// It starts a PostgreSQL, which has to be installed; -postgres names one that runs.
//
// It prints:
//
//	rolled back: no money for a yacht, a castle
//	committed: a book, a lamp, a sofa
//	in the database: a book, a lamp, a sofa
//	published: a book, a lamp, a sofa
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/database"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

var postgres = flag.String("postgres", "", "connection string of a PostgreSQL; empty starts one")

const topic = "outboxpgx-orders"

func main() { example.Main(run) }

// shop takes orders.
type shop struct {
	db  *sql.DB
	box *outbox.Outbox
	pub *publisher.Publisher
}

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	server, err := database.PostgreSQL(ctx, *postgres)
	if err != nil {
		return err
	}
	defer server.Close()
	pool, err := pgxpool.New(ctx, server.Source) // that of the application
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool) // the same pool, as database/sql has it
	defer db.Close()
	box, err := outbox.New(db, outbox.Config{Dialect: outbox.PostgreSQL})
	if err != nil {
		return err
	}
	if err := box.CreateTable(ctx); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "CREATE TABLE outboxpgx_orders (name TEXT NOT NULL)"); err != nil {
		return err
	}
	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{
		Cluster:       cluster,
		ProducerGroup: "outboxpgx", // of this table alone: see package outbox
		Transaction:   publisher.TransactionConfig{Check: box.Check},
		CreateTopics:  create,
	}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	s := &shop{db, box, pub}

	if err := s.take(ctx, "a yacht", "a castle"); !errors.Is(err, errNoMoney) {
		return fmt.Errorf("a yacht was ordered: %w", err)
	}
	fmt.Println("rolled back: no money for a yacht, a castle")
	if err := s.take(ctx, "a book", "a lamp", "a sofa"); err != nil {
		return err
	}
	fmt.Println("committed: a book, a lamp, a sofa")

	rows, err := pool.Query(ctx, "SELECT name FROM outboxpgx_orders ORDER BY name")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	fmt.Println("in the database:", strings.Join(names, ", "))
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "outboxpgx", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	messages, err := sub.Subscribe(ctx, topic)
	if err != nil {
		return err
	}
	var published []string
	for range names {
		msg, ok := <-messages
		if !ok {
			return ctx.Err()
		}
		published = append(published, string(msg.Payload))
		msg.Ack()
	}
	slices.Sort(published)
	fmt.Println("published:", strings.Join(published, ", "))
	return nil
}

var errNoMoney = errors.New("no money")

// take takes orders and publishes a message for each: all of them, or none.
func (s *shop) take(ctx context.Context, names ...string) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	begun, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	tx, err := s.box.Attach(ctx, s.pub, begun)
	if err != nil {
		return errors.Join(err, begun.Rollback())
	}
	defer tx.Close() // rolls back what is not committed

	// The connection that the transaction is on: all that pgx has can be used, but to end
	// the transaction.
	err = conn.Raw(func(driverConn any) error {
		native := driverConn.(*stdlib.Conn).Conn()
		_, err := native.CopyFrom(ctx, pgx.Identifier{"outboxpgx_orders"}, []string{"name"},
			pgx.CopyFromSlice(len(names), func(i int) ([]any, error) { return []any{names[i]}, nil }))
		return err
	})
	if err != nil {
		return err
	}
	var messages []*message.Message
	for _, name := range names {
		messages = append(messages, message.NewMessage(watermill.NewUUID(), []byte(name)))
	}
	if err := tx.Publish(topic, messages...); err != nil {
		return err
	}
	if slices.Contains(names, "a yacht") {
		return errNoMoney
	}
	return tx.Commit()
}

package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// loopEnv makes a test process one that takes orders until it is killed.
const loopEnv = "OUTBOX_TEST_LOOP"

// takeOrders takes orders, of which every third is rolled back, and returns only
// if something goes wrong.
func takeOrders(run string, args []string) error {
	s := settings{args[0], args[1], args[2], args[3]}
	ctx := context.Background()
	_, box, pub, err := s.open(ctx, nil)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		order := fmt.Sprintf("%s-%d", run, n)
		tx, err := box.Begin(ctx, pub, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders (name) VALUES (?)", order); err != nil {
			return err
		}
		if err := tx.Publish(s.topic, message.NewMessage(watermill.NewUUID(), []byte(order))); err != nil {
			return err
		}
		if n%3 == 2 {
			err = tx.Rollback()
		} else {
			err = tx.Commit()
		}
		if err != nil {
			return err
		}
	}
}

// Programs that are killed at any moment publish what is in the database, each
// once, and nothing else.
func TestKilledAtAnyMoment(t *testing.T) {
	cluster, err := embedded.Start(embedded.WithTransactionCheck(time.Second, time.Second, 1000))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	s := settings{cluster.NameServers()[0], filepath.Join(t.TempDir(), "shop.db"), "orders", "shop"}
	const kills = 8
	for i := range kills {
		before := cluster.Stored("orders")
		child := exec.Command(os.Args[0], s.nameServer, s.database, s.topic, s.group)
		child.Env = append(os.Environ(), loopEnv+"="+fmt.Sprint(i))
		var said bytes.Buffer
		child.Stderr = &said
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := cluster.AwaitMessages(ctx, "orders", before+5+rand.IntN(20))
		cancel()
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // it was killed
		if err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
	}

	decided := make(chan decision, 1000)
	db, _, pub, err := s.open(t.Context(), decided)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// One is open for sure: that of a transaction that nobody ends.
	if _, err := pub.BeginTransaction(s.topic, message.NewMessage("last", []byte("last"))); err != nil {
		t.Fatal(err)
	}
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}
	db2, _, pub, err := s.open(t.Context(), decided)
	if err != nil {
		t.Fatal(err)
	}
	defer db2.Close()
	<-decided // so the broker knows whom to ask
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for cluster.Broker(0).CheckTransactions() > 0 {
		<-poll.C
	}
	if err := pub.Close(); err != nil {
		t.Fatal(err)
	}

	var published []string
	for _, m := range cluster.Messages("orders") {
		published = append(published, string(m.Body))
	}
	slices.Sort(published)
	if stored := namesIn(t, db); !slices.Equal(stored, published) {
		t.Errorf("%d orders in the database, %d messages:\n%q\n%q", len(stored), len(published), stored, published)
	}
}

func namesIn(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM orders ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// What the outbox asks of a database, on SQLite: a check says nothing while the
// row's transaction runs, and a tombstone keeps the row out.
func TestSQLite(t *testing.T) {
	cluster, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	s := settings{cluster.NameServers()[0], filepath.Join(t.TempDir(), "shop.db"), "orders", "shop"}
	db, box, pub, err := s.open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	defer pub.Close()
	check := func(want publisher.TransactionState) {
		t.Helper()
		halves := cluster.Messages("RMQ_SYS_TRANS_HALF_TOPIC")
		id := halves[len(halves)-1].UniqueKey
		if got := box.Check(t.Context(), publisher.CheckedMessage{TransactionInfo: publisher.TransactionInfo{MessageID: id}}); got != want {
			t.Errorf("check says %s, want %s", got, want)
		}
	}
	begin := func() *outbox.Tx {
		t.Helper()
		tx, err := box.Begin(t.Context(), pub, nil)
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	publish := func(tx *outbox.Tx) error {
		return tx.Publish("orders", message.NewMessage(watermill.NewUUID(), []byte("x")))
	}

	missing, err := outbox.New(db, outbox.Config{Dialect: outbox.SQLite, Table: "missing"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := missing.Clean(t.Context(), 0); err == nil || !strings.HasSuffix(err.Error(), "(see Outbox.CreateTable and Schema)") {
		t.Errorf("a missing table: %v", err)
	}

	tx := begin()
	if err := publish(tx); err != nil {
		t.Fatal(err)
	}
	check(publisher.TransactionUnknown)
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	check(publisher.TransactionCommit)

	// A half message without a row, as it is just before the row is inserted.
	half, err := pub.BeginTransaction("orders", message.NewMessage("half", []byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	check(publisher.TransactionRollback)
	check(publisher.TransactionRollback)
	if _, err := db.ExecContext(t.Context(), "INSERT INTO rocketmq_outbox (id, published, created_ms) VALUES (?, 1, 0)", half.Info().MessageID); err == nil {
		t.Error("the row was inserted beside the tombstone")
	}
	if err := half.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}

	if n, err := box.Clean(t.Context(), time.Hour); n != 0 || err != nil {
		t.Errorf("%d rows cleaned, %v", n, err)
	}
	if n, err := box.Clean(t.Context(), -time.Hour); n != 2 || err != nil {
		t.Errorf("%d rows cleaned, %v", n, err)
	}
	if n := cluster.Stored("orders"); n != 1 {
		t.Errorf("%d messages", n)
	}
}

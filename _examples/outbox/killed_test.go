package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// loopEnv makes a test process one that takes orders until it is killed.
const loopEnv = "OUTBOX_TEST_LOOP"

// takeOrders takes orders, of which every third is rolled back, and returns only
// if something goes wrong.
func takeOrders(run string, args []string) error {
	s, err := settingsOf(args)
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, box, pub, err := s.open(ctx, nil)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		tx, err := box.Begin(ctx, pub, nil)
		if err != nil {
			return err
		}
		if err := order(tx, fmt.Sprintf("%s-%d", run, n)); err != nil {
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
func testKilledAtAnyMoment(t *testing.T, d database) {
	cluster, err := embedded.Start(embedded.WithTransactionCheck(time.Second, time.Second, manyChecks))
	must(t, err)
	defer cluster.Close()
	s := settings{cluster.NameServers()[0], d, topic, "shop"}
	const kills = 8
	for i := range kills {
		before, err := cluster.Stored(topic)
		must(t, err)
		child := exec.Command(os.Args[0], s.args()...)
		child.Env = append(os.Environ(), loopEnv+"="+fmt.Sprint(i))
		var said bytes.Buffer
		child.Stderr = &said
		must(t, child.Start())
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		_, err = cluster.AwaitMessages(ctx, topic, before+5+rand.IntN(20))
		cancel()
		must(t, child.Process.Kill())
		_ = child.Wait() // it was killed
		if err != nil {
			t.Fatalf("%v: %s", err, said.String())
		}
	}

	db, _, pub, err := s.open(t.Context(), nil)
	must(t, err)
	defer db.Close()
	// One is open for sure: that of a transaction that nobody ends.
	_, err = pub.BeginTransaction(s.topic, message.NewMessage("last", []byte("last")))
	must(t, err)
	must(t, pub.Close())
	db2, _, pub, err := s.open(t.Context(), nil)
	must(t, err)
	defer db2.Close()
	awaitDecisions(t, cluster, s.group)
	must(t, pub.Close())
	if stored, published := namesIn(t, db), bodies(t, cluster); !slices.Equal(stored, published) {
		t.Errorf("%d orders in the database, %d messages:\n%q\n%q", len(stored), len(published), stored, published)
	}
}

// manyChecks are more than brokers make while awaitDecisions waits: a database that stands
// still answers none of them.
const manyChecks = 100_000

// awaitDecisions has the brokers check until nothing is open. A program of the group
// has to be running.
func awaitDecisions(t *testing.T, cluster *embedded.Cluster, group string) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	// Twice: the first time, a broker may have known only a program that has ended,
	// and have had nobody to ask a moment later.
	began := time.Now()
	for quiet := 0; quiet < 2; <-poll.C {
		quiet++
		for _, b := range cluster.Brokers() {
			known := len(b.Producers(group)) > 0
			asked := b.CheckTransactions()
			if time.Since(began) > 10*time.Minute {
				t.Fatalf("%s still asks about %d messages, and the group is known there: %v", b.Name(), asked, known)
			}
			if !known || asked > 0 || len(b.Producers(group)) == 0 {
				quiet = 0
			}
		}
	}
}

package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What is in the database is published, and nothing else, though brokers lose
// requests and answers, are slow and busy, programs end with all that is open,
// transactions are rolled back in every way, and checks come in between.
func testFaults(t *testing.T, d database) {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic(topic, 2), embedded.WithBrokers(2),
		embedded.WithTransactionCheck(200*time.Millisecond, 150*time.Millisecond, manyChecks))
	must(t, err)
	defer cluster.Close()
	calm := cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil && r.Code != headers.CodeEndTransaction {
			return embedded.Fault{}
		}
		switch rand.IntN(16) {
		case 0:
			return embedded.StoreThenDrop()
		case 1:
			return embedded.DropConnection()
		case 2:
			return embedded.DelayAnswer(rand.N(400 * time.Millisecond))
		case 3:
			return embedded.Delay(rand.N(400 * time.Millisecond))
		case 4:
			return embedded.Answer(headers.FlowControl, "")
		}
		return embedded.Fault{}
	})
	db, box, pub, err := settings{cluster.NameServers()[0], d, topic, "nobody"}.open(t.Context(), nil)
	must(t, err)
	defer db.Close()
	must(t, pub.Close())
	start := func() *publisher.Publisher {
		pub, err := publisher.New(publisher.Config{
			Cluster: cluster.Config(), ProducerGroup: "shop",
			SendTimeout: 2 * time.Second, AttemptTimeout: 300 * time.Millisecond, CloseTimeout: time.Millisecond,
			Transaction: publisher.TransactionConfig{Check: box.Check, CheckTimeout: time.Second},
		}, nil)
		if err != nil {
			t.Error(err)
		}
		return pub
	}
	const programs, runs, workers, orders = 2, 3, 4, 6
	var wg sync.WaitGroup
	for program := range programs {
		wg.Go(func() {
			for run := range runs {
				pub := start()
				var busy sync.WaitGroup
				for worker := range workers {
					busy.Go(func() {
						for n := range orders {
							orderSomehow(box, pub, strconv.Itoa(program)+strconv.Itoa(run)+strconv.Itoa(worker)+strconv.Itoa(n))
						}
					})
				}
				busy.Wait()
				_ = pub.Close() // ErrCloseTimeout, where transactions are open
			}
		})
	}
	wg.Wait()
	calm()

	pub = start()
	defer pub.Close()
	awaitDecisions(t, cluster, "shop")
	stored, published := namesIn(t, db), slices.Compact(bodies(t, cluster))
	if !slices.Equal(stored, published) {
		t.Errorf("%d orders in the database, %d messages:\n%q\n%q", len(stored), len(published), stored, published)
	}
	if len(stored) == 0 {
		t.Error("no order was taken")
	}
	n, err := cluster.Stored("TRANS_CHECK_MAX_TIME_TOPIC")
	must(t, err)
	if n > 0 {
		t.Errorf("%d messages were given up", n)
	}
}

// orderSomehow takes an order, in one of the ways that a transaction can end. What
// fails is not of interest: what is in the database counts.
func orderSomehow(box *outbox.Outbox, pub *publisher.Publisher, name string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tx, err := box.Begin(ctx, pub, nil)
	if err != nil {
		return
	}
	abandoned := false
	defer func() {
		if !abandoned {
			tx.Close()
		}
	}()
	end := rand.IntN(8)
	if err := order(tx, name); err != nil {
		return
	}
	if end == 5 {
		if _, err := tx.Exec("SAVEPOINT step"); err != nil {
			return
		}
		if err := tx.Publish(topic, message.NewMessage(name, []byte(name+" undone"))); err != nil {
			return
		}
		if _, err := tx.Exec("ROLLBACK TO SAVEPOINT step"); err != nil {
			return
		}
	}
	switch end {
	case 0: // rolled back
	case 1:
		cancel()
	case 2, 7:
		abandoned = tx.SQL().Commit() == nil && end == 7 // nobody ends the message
	default:
		_ = tx.Commit()
	}
}

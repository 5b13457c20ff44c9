package publisher_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// bookings is what the processes of a group share: the transactions that have
// committed. Its check says what the documentation asks for: commit for those, and
// rollback for one that it has never heard of.
type bookings struct {
	mu        sync.Mutex
	committed map[string]bool
	said      []publisher.TransactionState
}

func (b *bookings) commit(tx *publisher.Transaction) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.committed == nil {
		b.committed = make(map[string]bool)
	}
	b.committed[tx.Info().MessageID] = true
}

func (b *bookings) check(_ context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := publisher.TransactionRollback
	if b.committed[msg.MessageID] {
		state = publisher.TransactionCommit
	}
	b.said = append(b.said, state)
	return state
}

// answers lists what check has said.
func (b *bookings) answers() []publisher.TransactionState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.said)
}

// sharing makes a publisher one of the processes that share the bookings.
func sharing(b *bookings) func(*publisher.Config) {
	return func(c *publisher.Config) {
		c.ProducerGroup, c.Transaction.Check = shop, b.check
		c.SendTimeout = time.Minute // "to bridge the restart of a broker"
	}
}

// A half message is stored and its answer lost, and brokers take no other one until
// another process of the group has been asked about the first. It has never heard of
// that transaction, which has not begun. The second half message is another one:
// when the process that committed it has died, the other one is asked about it.
func TestPromiseRollbackBeforeBegun(t *testing.T) {
	for range 8 { // the broker's choice is who is asked
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			var db bookings
			first := unclosedPublisherOn(t, c, sharing(&db))
			publisherOn(t, c, sharing(&db))
			synctest.Wait() // both are known to the broker
			onSend(c, func(n int, _ embedded.Request) embedded.Fault {
				switch {
				case n == 1:
					return embedded.StoreThenDrop()
				case len(db.answers()) == 0:
					return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy")
				}
				return embedded.Fault{}
			})
			var wg sync.WaitGroup
			wg.Go(func() {
				for len(db.answers()) == 0 {
					time.Sleep(time.Second)
					c.Broker(0).CheckTransactions()
					synctest.Wait()
				}
			})
			tx := begin(t, first, "paid")
			wg.Wait()
			require.Equal(t, []publisher.TransactionState{publisher.TransactionRollback}, db.answers())
			db.commit(tx)
			require.NoError(t, first.Close())
			time.Sleep(time.Hour)
			require.Equal(t, 1, storedIn(c, orders))
			require.Equal(t, []publisher.TransactionState{publisher.TransactionRollback, publisher.TransactionCommit}, db.answers())
		})
	}
}

// The same with two brokers: one stores the half message and its answer is lost, so
// the other one stores it as well. The local transaction is at work while the other
// process is asked about the first.
func TestPromiseRollbackOfTheOtherBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic(orders, 1), embedded.WithBrokers(2),
			embedded.WithTransactionCheck(6*time.Second, 1000*time.Hour, 15)) // checks by hand
		require.NoError(t, err)
		defer c.Close()
		var db bookings
		first, second := unclosedPublisherOn(t, c, sharing(&db)), unclosedPublisherOn(t, c, sharing(&db))
		synctest.Wait()
		firstSend(c, embedded.DelayAnswer(time.Hour))
		tx := begin(t, first, "paid")
		require.Equal(t, 2, storedIn(c, halfTopic))
		stale, own := c.Broker(0), c.Broker(1)
		if tx.Info().BrokerName == stale.Name() {
			stale, own = own, stale
		}
		for len(db.answers()) == 0 {
			stale.CheckTransactions()
			synctest.Wait()
		}
		require.Equal(t, []publisher.TransactionState{publisher.TransactionRollback}, db.answers())
		db.commit(tx)
		require.NoError(t, first.Close())
		require.Equal(t, 1, own.CheckTransactions())
		synctest.Wait()
		require.Equal(t, 1, storedIn(c, orders))
		require.Zero(t, own.CheckTransactions()+stale.CheckTransactions(), "none is left")
		require.NoError(t, second.Close())
	})
}

// A rollback is the answer about one half message. Where another one under the same
// id is asked about meanwhile, it is asked about by itself.
func TestPromiseRollbackIsNotShared(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		firstSend(c, embedded.StoreThenDrop())
		lost := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		begin(t, lost, "x")
		require.Equal(t, 2, storedIn(c, halfTopic))
		require.NoError(t, lost.Close())

		states := []publisher.TransactionState{publisher.TransactionRollback, publisher.TransactionCommit}
		release := make(chan struct{})
		asked := make(chan string, 10)
		publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.ProducerGroup = shop
			cfg.Transaction.Check = func(_ context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
				asked <- msg.MessageID
				state := states[0]
				states = states[1:]
				<-release
				return state
			}
		})
		synctest.Wait()
		require.Equal(t, 2, c.Broker(0).CheckTransactions(), "one after the other")
		synctest.Wait()
		require.Len(t, asked, 1)
		close(release)
		synctest.Wait()
		require.Len(t, asked, 2)
		require.Equal(t, <-asked, <-asked)
		require.Equal(t, 1, storedIn(c, orders))
		time.Sleep(time.Hour)
		require.Equal(t, 1, storedIn(c, orders), "the first is dropped: the transaction is known to be committed")
		require.Empty(t, asked)
	})
}

// While a transaction is being begun its owner is the one who knows, as while it is
// open: its own process is not asked about the half message of a lost answer.
func TestPromiseNoCheckWhileBeginning(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		began := time.Now()
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			switch {
			case n == 1:
				return embedded.StoreThenDrop()
			case time.Since(began) < 50*time.Second: // beyond a round of checks
				return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy")
			}
			return embedded.Fault{}
		})
		var db bookings
		p := publisherOn(t, c, sharing(&db))
		tx := begin(t, p, "x")
		require.Equal(t, 3, storedIn(c, halfTopic), "two, and the copy of a check")
		require.Empty(t, db.answers())
		db.commit(tx)
		remove := onEnd(c, embedded.Ignore())
		require.Equal(t, publisher.MayBeStored, failedEnd(t, tx.Commit(t.Context())).Outcome)
		remove()
		time.Sleep(time.Hour)
		require.Equal(t, []publisher.TransactionState{publisher.TransactionCommit}, db.answers())
		require.Equal(t, 1, storedIn(c, orders))
		require.Zero(t, storedIn(c, checkMaxTopic))

		// One that has failed to begin is asked about.
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil {
				return embedded.StoreThenDrop()
			}
			return embedded.Fault{}
		})
		_, err := p.BeginTransaction(orders, newMessage("y"))
		require.Equal(t, publisher.MayBeStored, failureOf(t, err).Outcome())
		time.Sleep(time.Hour)
		require.NotContains(t, db.answers()[1:], publisher.TransactionCommit)
		require.NotEmpty(t, db.answers()[1:])
		require.Equal(t, 1, storedIn(c, orders))
		require.Zero(t, storedIn(c, checkMaxTopic))
	})
}

// A transaction that the user's own code has kept from beginning, by a panic, is not
// one that is being begun.
func TestPromiseCheckAfterPanicWhileBeginning(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionRollback)
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			withCheck(j)(cfg)
			cfg.OnResult = func(publisher.Result) { panic("mine") }
		})
		require.PanicsWithValue(t, "mine", func() { _, _ = p.BeginTransaction(orders, newMessage("x")) })
		require.Equal(t, 1, storedIn(c, halfTopic))
		checkNow(t, c)
		require.Equal(t, 1, j.count())
		require.Zero(t, c.Broker(0).CheckTransactions(), "it is rolled back")
	})
}

// A half message is as old as its attempt, not as the call: brokers count from it
// when they may ask, and when a commit comes too late.
func TestPromiseHalfMessageBorn(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		began := time.Now()
		onSend(c, func(int, embedded.Request) embedded.Fault {
			if time.Since(began) < 12*time.Second {
				return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]system busy")
			}
			return embedded.Fault{}
		})
		var db bookings
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			sharing(&db)(cfg)
			cfg.Transaction.CheckAfter = 10 * time.Second
		})
		tx := begin(t, p, "x")
		require.GreaterOrEqual(t, time.Since(began), 12*time.Second)
		require.Equal(t, time.Now().UnixMilli(), messagesIn(c, halfTopic)[0].BornTimestamp.UnixMilli())
		require.NoError(t, tx.Commit(t.Context()), "it is not a second old")
		require.Equal(t, 1, storedIn(c, orders))

		// Other messages were born when they were handed over.
		began = time.Now()
		require.NoError(t, p.Publish(orders, newMessage("plain")))
		require.Equal(t, began.UnixMilli(), messagesIn(c, orders)[1].BornTimestamp.UnixMilli())
	})
}

package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const (
	halfTopic     = "RMQ_SYS_TRANS_HALF_TOPIC"
	checkMaxTopic = "TRANS_CHECK_MAX_TIME_TOPIC"
	// shop is the producer group of those that have transactions.
	shop = "shop"
)

// judgements answers checks as told, and notes them.
type judgements struct {
	mu     sync.Mutex
	states []publisher.TransactionState // of the next checks; the last stays
	asked  []publisher.CheckedMessage
}

func judging(states ...publisher.TransactionState) *judgements { return &judgements{states: states} }

func (j *judgements) check(_ context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, msg)
	state := j.states[0]
	if len(j.states) > 1 {
		j.states = j.states[1:]
	}
	return state
}

func (j *judgements) count() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.asked)
}

// withCheck has j answer the checks.
func withCheck(j *judgements) func(*publisher.Config) {
	return func(c *publisher.Config) { c.ProducerGroup, c.Transaction.Check = shop, j.check }
}

// begin begins a transaction in the topic orders.
func begin(t testing.TB, p *publisher.Publisher, payload string) *publisher.Transaction {
	t.Helper()
	tx, err := p.BeginTransaction(orders, newMessage(payload))
	require.NoError(t, err)
	return tx
}

// endRequests counts the END_TRANSACTION requests that have arrived.
func endRequests(c *embedded.Cluster) int {
	synctest.Wait()
	return c.Stats().Requests(headers.CodeEndTransaction)
}

// onEnd says what happens to each END_TRANSACTION.
func onEnd(c *embedded.Cluster, fault embedded.Fault) (remove func()) {
	return c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Code == headers.CodeEndTransaction {
			return fault
		}
		return embedded.Fault{}
	})
}

// addingMarshaler adds a property.
type addingMarshaler struct {
	marshaler.Default
	property headers.Property
}

func (m addingMarshaler) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	made, err := m.Default.Marshal(topic, msg)
	made.Properties = append(made.Properties, m.property)
	return made, err
}

// oneWayMarshaler cannot read what it has written.
type oneWayMarshaler struct{ err error }

func (oneWayMarshaler) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	return marshaler.Default{}.Marshal(topic, msg)
}

func (m oneWayMarshaler) Unmarshal(string, marshaler.Message) (*message.Message, error) {
	return nil, m.err
}

func failedEnd(t testing.TB, err error) *publisher.TransactionError {
	t.Helper()
	require.IsType(t, (*publisher.TransactionError)(nil), err)
	return err.(*publisher.TransactionError)
}

// requireEnded requires that nothing ends the transaction again, and that both
// calls say how it has ended.
func requireEnded(t testing.TB, tx *publisher.Transaction, how string) {
	t.Helper()
	for call, again := range map[string]error{"Commit": tx.Commit(t.Context()), "Rollback": tx.Rollback(t.Context())} {
		require.ErrorIs(t, again, publisher.ErrTransactionEnded)
		require.False(t, failedEnd(t, again).Open)
		require.EqualError(t, again, fmt.Sprintf("publisher: %s of message %s did nothing: the transaction has ended before (%s)", call, tx.Info().MessageID, how))
	}
}

func checkNow(t testing.TB, c *embedded.Cluster) {
	t.Helper()
	synctest.Wait() // heartbeats have arrived
	require.Equal(t, 1, c.Broker(0).CheckTransactions())
	synctest.Wait()
}

func TestPromiseCommitAndRollback(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionUnknown)
		p := publisherOn(t, c, withCheck(j))
		tx := begin(t, p, "committed")
		require.Zero(t, storedIn(c, orders))
		require.NoError(t, tx.Commit(t.Context()))
		require.Equal(t, 1, storedIn(c, orders))
		require.Equal(t, tx.Info().MessageID, messagesIn(c, orders)[0].UniqueKey)

		requireEnded(t, tx, "committed")
		tx = begin(t, p, "rolled back")
		require.NoError(t, tx.Rollback(t.Context()))
		requireEnded(t, tx, "rolled back")
		require.Equal(t, 2, endRequests(c))
		time.Sleep(time.Hour)
		require.Equal(t, 1, storedIn(c, orders))
		require.Zero(t, j.count())
	})
}

// A commit whose answer is lost is not sent again. What became of it is settled
// by the check.
func TestPromiseLostCommit(t *testing.T) {
	for name, test := range map[string]struct {
		fault  embedded.Fault
		stored int // when Commit returns
	}{
		"the answer is lost":  {embedded.StoreThenDrop(), 1},
		"the request is lost": {embedded.Ignore(), 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				j := judging(publisher.TransactionUnknown, publisher.TransactionCommit)
				p := publisherOn(t, c, withCheck(j))
				tx := begin(t, p, "x")
				remove := onEnd(c, test.fault)
				failed := failedEnd(t, tx.Commit(t.Context()))
				require.Equal(t, publisher.MayBeStored, failed.Outcome)
				require.Contains(t, failed.Error(), "may be committed; the check will settle it")
				requireEnded(t, tx, "left to the check")
				require.Equal(t, 1, endRequests(c))
				require.Equal(t, test.stored, storedIn(c, orders))
				remove()
				time.Sleep(time.Hour)
				require.Equal(t, 1, storedIn(c, orders), "never twice")
				require.Equal(t, 2*(1-test.stored), j.count(), "unknown, then commit")
			})
		})
	}
}

// What was not sent, or was turned away, can be tried again.
func TestPromiseCommitNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		tx := begin(t, p, "x")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		failed := failedEnd(t, tx.Commit(ended))
		require.True(t, failed.Open)
		require.ErrorIs(t, failed, context.Canceled)
		require.Zero(t, endRequests(c))

		remove := onEnd(c, embedded.Answer(headers.GoAway, "going"))
		failed = failedEnd(t, tx.Commit(t.Context()))
		require.True(t, failed.Open)
		require.Equal(t, publisher.NotSent, failed.Outcome)

		remove()
		require.NoError(t, tx.Commit(t.Context()))
		require.Equal(t, 1, storedIn(c, orders))
	})
}

// Of two calls at the same time one ends the transaction.
func TestPromiseCommitMeanwhile(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		tx := begin(t, p, "x")
		onEnd(c, embedded.Delay(time.Second))
		first := make(chan error)
		go func() { first <- tx.Commit(t.Context()) }()
		synctest.Wait()
		requireEnded(t, tx, "another call is ending it")
		require.NoError(t, <-first)
		requireEnded(t, tx, "committed")
	})
}

// A broker that refuses for good ends the transaction for this process.
func TestPromiseCommitRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionCommit)
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.ProducerGroup = shop
			cfg.Transaction = publisher.TransactionConfig{Check: j.check, CheckAfter: 9500 * time.Millisecond}
		})
		tx := begin(t, p, "x")
		require.Equal(t, "10", messagesIn(c, halfTopic)[0].Properties[headers.PropertyCheckImmunity])
		time.Sleep(11 * time.Second)
		failed := failedEnd(t, tx.Commit(t.Context()))
		require.ErrorIs(t, failed, &headers.StatusError{Code: headers.IllegalOperation})
		require.Equal(t, publisher.NotSent, failed.Outcome)
		require.False(t, failed.Open)
		require.Contains(t, failed.Error(), "is not committed; the check will settle it")
		require.Zero(t, storedIn(c, orders))
		time.Sleep(30 * time.Second)
		require.Equal(t, 1, storedIn(c, orders))
		require.Equal(t, 1, j.count())
	})
}

// A check of a transaction that is open here asks nobody. The half message has
// moved then: the commit goes to where it is.
func TestPromiseCheckWhileOpen(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionRollback)
		p := publisherOn(t, c, withCheck(j))
		tx := begin(t, p, "x")
		checkNow(t, c)
		checkNow(t, c)
		require.Zero(t, j.count())
		require.Zero(t, endRequests(c))
		require.NoError(t, tx.Commit(t.Context()))
		require.Zero(t, c.Broker(0).CheckTransactions(), "no copy is left")
		require.Equal(t, 1, storedIn(c, orders))
	})
}

// A half message that was stored twice, since the answer to the first attempt was
// lost, is delivered once: the copy is known and dropped.
func TestPromiseHalfMessageTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionCommit)
		p := publisherOn(t, c, withCheck(j))
		firstSend(c, embedded.StoreThenDrop())
		tx := begin(t, p, "x")
		require.Equal(t, 2, storedIn(c, halfTopic))
		require.NoError(t, tx.Commit(t.Context()))
		time.Sleep(time.Hour)
		require.Equal(t, 1, storedIn(c, orders))
		require.Zero(t, j.count())
		require.Zero(t, storedIn(c, checkMaxTopic))
	})
}

// The answers 10, 11 and 12 to a half message are successes as well, unless they are
// required to be none: then it is rolled back.
func TestPromiseHalfMessageNotDurable(t *testing.T) {
	for _, code := range []headers.ResponseCode{headers.FlushDiskTimeout, headers.SlaveNotAvailable, headers.FlushSlaveTimeout} {
		for _, required := range []bool{false, true} {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				j := judging(publisher.TransactionCommit)
				p := publisherOn(t, c, func(cfg *publisher.Config) {
					cfg.ProducerGroup, cfg.Transaction.Check, cfg.RequireDurable = shop, j.check, required
				})
				firstSend(c, embedded.StoreThenAnswer(code, "slow"))
				ran := false
				err := p.PublishInTransaction(orders, newMessage("x"), func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) {
					ran = true
					return publisher.TransactionCommit, nil
				})
				require.Equal(t, !required, ran)
				time.Sleep(time.Hour)
				require.Zero(t, j.count())
				if !required {
					require.NoError(t, err)
					require.Equal(t, 1, storedIn(c, orders))
					return
				}
				var undurable *publisher.NotDurableError
				require.ErrorAs(t, err, &undurable)
				require.Equal(t, publisher.Stored, failureOf(t, err).Outcome())
				require.Zero(t, storedIn(c, orders))
			})
		}
	}
}

func TestPromiseTransactionRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		plain := publisherOn(t, c, nil)
		require.False(t, plain.HasTransactionCheck())
		_, err := plain.BeginTransaction(orders, newMessage("x"))
		require.ErrorIs(t, failureOf(t, err), publisher.ErrNoTransactionCheck)

		check := withCheck(judging(publisher.TransactionUnknown))
		require.True(t, publisherOn(t, c, check).HasTransactionCheck())
		_, err = publisherOn(t, c, check).BeginTransaction(orders, nil)
		require.ErrorIs(t, failureOf(t, err), publisher.ErrNilMessage)

		keyed := publisherOn(t, c, func(cfg *publisher.Config) {
			check(cfg)
			cfg.OrderingKey = func(string, *message.Message) (string, error) { return "key", nil }
		})
		_, err = keyed.BeginTransaction(orders, newMessage("x"))
		var combined *publisher.CombinationError
		require.ErrorAs(t, err, &combined)
		require.Equal(t, []rocketmq.Feature{rocketmq.FeatureTransaction, rocketmq.FeatureOrderingKey}, combined.Features)

		for name, value := range map[string]string{"DELAY": "3", "TIMER_DELAY_MS": "1000"} {
			delayed := publisherOn(t, c, func(cfg *publisher.Config) {
				check(cfg)
				cfg.Marshaler = addingMarshaler{property: headers.Property{Name: name, Value: value}}
			})
			_, err = delayed.BeginTransaction(orders, newMessage("x"))
			require.ErrorAs(t, err, &combined)
			require.Equal(t, []rocketmq.Feature{rocketmq.FeatureTransaction, rocketmq.FeatureDelay}, combined.Features)
		}
		for _, name := range []string{"TRAN_MSG", "PGROUP", "CHECK_IMMUNITY_TIME_IN_SECONDS"} {
			meddling := publisherOn(t, c, func(cfg *publisher.Config) {
				check(cfg)
				cfg.Marshaler = addingMarshaler{property: headers.Property{Name: name, Value: "1"}}
			})
			_, err = meddling.BeginTransaction(orders, newMessage("x"))
			var refused *publisher.MarshalError
			require.ErrorAs(t, err, &refused)
		}
		require.Zero(t, sends(c))

		closed := unclosedPublisherOn(t, c, check)
		tx := begin(t, closed, "x")
		require.NoError(t, closed.Close())
		_, err = closed.BeginTransaction(orders, newMessage("x"))
		require.ErrorIs(t, err, publisher.ErrClosed)
		require.ErrorIs(t, tx.Commit(t.Context()), publisher.ErrClosed)
		require.Zero(t, endRequests(c))
	})
}

// The check is asked by a broker that the publisher has sent nothing to yet: a
// program that starts anew settles what the last one left open.
func TestPromiseCheckAfterRestart(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		first := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		msg := newMessage("payload")
		msg.Metadata.Set("name", "value")
		tx, err := first.BeginTransaction(orders, msg)
		require.NoError(t, err)
		require.NoError(t, first.Close())

		j := judging(publisher.TransactionCommit)
		p := publisherOn(t, c, withCheck(j))
		checkNow(t, c)
		require.Equal(t, 1, storedIn(c, orders))
		require.Len(t, j.asked, 1)
		asked := j.asked[0]
		require.Equal(t, tx.Info(), asked.TransactionInfo)
		require.Equal(t, 1, asked.Checks)
		require.Equal(t, c.Broker(0).Addr(), asked.BrokerAddr)
		require.NoError(t, asked.UnmarshalErr)
		requireSameMessage(t, msg, asked.Message)

		// A broker that comes back hears of the producer again within seconds.
		c.Broker(0).Stop()
		require.NoError(t, c.Broker(0).Start())
		time.Sleep(5 * time.Second)
		require.Len(t, c.Broker(0).Producers(shop), 1)
		require.NoError(t, p.Publish(orders, newMessage("x")))
	})
}

// Name servers that are not there yet are asked again.
func TestPromiseCheckNameServerLater(t *testing.T) {
	for name, topics := range map[string][]string{"cluster": nil, "topics": {orders}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				c.NameServer(0).Stop()
				publisherOn(t, c, func(cfg *publisher.Config) {
					cfg.ProducerGroup = shop
					cfg.Transaction = publisher.TransactionConfig{Check: judging(publisher.TransactionUnknown).check, Topics: topics}
				})
				time.Sleep(10 * time.Second)
				require.Zero(t, heartbeats(c, "broker-a"))
				require.NoError(t, c.NameServer(0).Start())
				time.Sleep(5 * time.Second)
				require.Equal(t, 1, heartbeats(c, "broker-a"))
				time.Sleep(time.Hour)
				require.Equal(t, 121, heartbeats(c, "broker-a"), "it stays known")
			})
		})
	}
}

// With Topics, only their brokers hear of the producer.
func TestPromiseCheckTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.Broker(1).CreateTopic("there", 1))
		publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.ProducerGroup = shop
			cfg.Transaction = publisher.TransactionConfig{Check: judging(publisher.TransactionUnknown).check, Topics: []string{"there"}}
		})
		time.Sleep(time.Hour)
		require.Zero(t, heartbeats(c, "broker-a"))
		require.Equal(t, 121, heartbeats(c, "broker-b"))
	}, embedded.WithBrokers(2))
}

// A check that is slow is asked about once, and answered where the half message
// is by then; one that takes too long, or panics, is not answered.
func TestPromiseSlowCheck(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var calls int
		slow := make(chan time.Duration, 10)
		logs := watermill.NewCaptureLogger()
		cfg := publisher.Config{Cluster: c.Config(), ProducerGroup: shop}
		cfg.Transaction.Check = func(ctx context.Context, _ publisher.CheckedMessage) publisher.TransactionState {
			calls++
			d := <-slow
			if d < 0 {
				panic("bad check")
			}
			time.Sleep(d)
			return publisher.TransactionCommit
		}
		p, err := publisher.New(cfg, logs)
		require.NoError(t, err)
		begin(t, p, "x").Unknown()

		slow <- -1
		checkNow(t, c)
		require.Equal(t, 1, calls)
		require.Zero(t, endRequests(c))
		require.Len(t, logs.Captured()[watermill.ErrorLogLevel], 1)

		slow <- 11 * time.Second
		checkNow(t, c)
		time.Sleep(12 * time.Second)
		require.Equal(t, 2, calls)
		require.Zero(t, endRequests(c), "too late")

		slow <- 5 * time.Second
		checkNow(t, c)
		checkNow(t, c) // again, while the first is being looked into
		time.Sleep(6 * time.Second)
		require.Equal(t, 3, calls)
		require.Equal(t, 1, endRequests(c))
		require.Equal(t, 1, storedIn(c, orders))
		require.Zero(t, c.Broker(0).CheckTransactions(), "no copy is left")
		require.NoError(t, p.Close())
	})
}

// A broker that asks faster than it is answered makes copies of the half message.
// They are dropped.
func TestPromiseChecksInARow(t *testing.T) {
	for _, hold := range []time.Duration{0, time.Second} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			j := judging(publisher.TransactionCommit)
			p := publisherOn(t, c, withCheck(j))
			begin(t, p, "x").Unknown()
			synctest.Wait()
			onEnd(c, embedded.Delay(hold))
			for range 5 {
				c.Broker(0).CheckTransactions()
				time.Sleep(hold / 2)
			}
			time.Sleep(time.Hour)
			require.Equal(t, 1, storedIn(c, orders))
			require.Zero(t, storedIn(c, checkMaxTopic))
			require.Equal(t, 1, j.count())
		})
	}
}

// So many checks run at once as were asked for. Close ends their contexts and
// waits for them.
func TestPromiseChecksAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var mu sync.Mutex
		running, most := 0, 0
		p := unclosedPublisherOn(t, c, func(cfg *publisher.Config) {
			cfg.ProducerGroup = shop
			cfg.Transaction = publisher.TransactionConfig{Concurrency: 3, Check: func(ctx context.Context, _ publisher.CheckedMessage) publisher.TransactionState {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
				running--
				mu.Unlock()
				return publisher.TransactionCommit
			}}
		})
		for range 10 {
			begin(t, p, "x").Unknown()
		}
		synctest.Wait()
		require.Equal(t, 10, c.Broker(0).CheckTransactions())
		time.Sleep(15 * time.Second) // the second three are running
		synctest.Wait()
		mu.Lock()
		require.Equal(t, 3, running)
		mu.Unlock()
		elapsed := stopwatch()
		require.NoError(t, p.Close())
		require.Zero(t, elapsed())
		mu.Lock()
		require.Zero(t, running)
		require.Equal(t, 3, most)
		mu.Unlock()
		synctest.Wait()
		require.Equal(t, 3, storedIn(c, orders), "the first three came too late, the second three with Close")
	})
}

func TestPromisePublishInTransaction(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionRollback)
		p := publisherOn(t, c, withCheck(j))
		errLocal := errors.New("local")
		local := func(state publisher.TransactionState, err error) func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) {
			return func(_ context.Context, info publisher.TransactionInfo) (publisher.TransactionState, error) {
				require.Equal(t, orders, info.Topic)
				require.NotEmpty(t, info.MessageID)
				return state, err
			}
		}
		require.NoError(t, p.PublishInTransaction(orders, newMessage("1"), local(publisher.TransactionCommit, nil)))
		require.NoError(t, p.PublishInTransaction(orders, newMessage("2"), local(publisher.TransactionRollback, nil)))
		require.ErrorIs(t, p.PublishInTransaction(orders, newMessage("3"), local(publisher.TransactionRollback, errLocal)), errLocal)
		require.Equal(t, 3, endRequests(c))
		require.NoError(t, p.PublishInTransaction(orders, newMessage("4"), local(publisher.TransactionUnknown, nil)))
		require.ErrorIs(t, p.PublishInTransaction(orders, newMessage("5"), local(publisher.TransactionUnknown, errLocal)), errLocal)
		require.PanicsWithValue(t, "local", func() {
			_ = p.PublishInTransaction(orders, newMessage("6"), func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) { panic("local") })
		})
		require.Equal(t, 3, endRequests(c))
		synctest.Wait()
		require.Equal(t, 3, c.Broker(0).CheckTransactions())
		synctest.Wait()
		require.Equal(t, 3, j.count())
		require.Equal(t, 1, storedIn(c, orders))

		onEnd(c, embedded.Ignore())
		err := p.PublishInTransaction(orders, newMessage("7"), local(publisher.TransactionRollback, errLocal))
		require.ErrorIs(t, err, errLocal)
		var lost *publisher.TransactionError
		require.ErrorAs(t, err, &lost)
		require.Equal(t, publisher.MayBeStored, lost.Outcome)

		// One whose end was not sent is left to the check, too.
		ctx, cancel := context.WithCancel(t.Context())
		msg := messageIn(ctx)
		err = p.PublishInTransaction(orders, msg, func(context.Context, publisher.TransactionInfo) (publisher.TransactionState, error) {
			cancel()
			return publisher.TransactionCommit, nil
		})
		require.False(t, failedEnd(t, err).Open)
		require.ErrorIs(t, err, context.Canceled)
		require.Contains(t, err.Error(), "the check will settle it")
		before := j.count()
		time.Sleep(5 * time.Second) // the connection may be a new one: the producer is known again
		synctest.Wait()
		require.Equal(t, 2, c.Broker(0).CheckTransactions())
		synctest.Wait()
		require.Equal(t, before+2, j.count())
	})
}

// A message that was never decided is found in the topic for such messages.
func TestPromiseCheckedTooOften(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionUnknown)
		p := publisherOn(t, c, withCheck(j))
		begin(t, p, "x").Unknown()
		time.Sleep(time.Hour)
		require.Equal(t, 15, j.count())
		require.Equal(t, 15, j.asked[14].Checks)
		require.Equal(t, 1, storedIn(c, checkMaxTopic))
		require.Zero(t, storedIn(c, orders))
		require.Zero(t, endRequests(c))
	})
}

// A publisher without a Check that is asked leaves the answer to others, and says
// so once.
func TestPromiseCheckOfPlainPublisher(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		first := unclosedPublisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		begin(t, first, "x")
		require.NoError(t, first.Close())

		logs := watermill.NewCaptureLogger()
		plain, err := publisher.New(publisher.Config{Cluster: c.Config(), ProducerGroup: shop}, logs)
		require.NoError(t, err)
		require.NoError(t, plain.Publish("plain", newMessage("y")))
		checkNow(t, c)
		checkNow(t, c)
		require.Zero(t, endRequests(c))
		logged := logs.Captured()[watermill.InfoLogLevel]
		require.Len(t, logged, 1)
		require.Equal(t, "A broker asks about a transaction, but this publisher has no Transaction.Check: another program shares its producer group", logged[0].Msg)
		require.Equal(t, shop, logged[0].Fields["producer_group"])
		require.Equal(t, c.Broker(0).Addr(), logged[0].Fields["addr"])
		require.NoError(t, plain.Close())

		publisherOn(t, c, withCheck(judging(publisher.TransactionCommit)))
		checkNow(t, c)
		require.Equal(t, 1, storedIn(c, orders), "another settles it")
	})
}

// Two groups of one process are asked about their own transactions.
func TestPromiseTwoGroups(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		var all []*judgements
		for i, state := range []publisher.TransactionState{publisher.TransactionCommit, publisher.TransactionRollback} {
			j := judging(state)
			p := publisherOn(t, c, func(cfg *publisher.Config) {
				cfg.ProducerGroup, cfg.Transaction.Check = fmt.Sprint("group-", i), j.check
			})
			begin(t, p, fmt.Sprint(i)).Unknown()
			all = append(all, j)
		}
		synctest.Wait()
		require.Equal(t, 2, c.Broker(0).CheckTransactions())
		synctest.Wait()
		for i, j := range all {
			require.Len(t, j.asked, 1)
			require.Equal(t, fmt.Sprint(i), string(j.asked[0].Message.Payload))
		}
		require.Equal(t, 1, storedIn(c, orders))
		require.Equal(t, "0", string(messagesIn(c, orders)[0].Body))
	})
}

// With a namespace, group and topic are those that the brokers know, and the check
// is told the user's.
func TestPromiseTransactionInNamespace(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionCommit)
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			withCheck(j)(cfg)
			cfg.Cluster.Namespace = "shop"
		})
		tx := begin(t, p, "1")
		require.NoError(t, tx.Commit(t.Context()))
		require.Equal(t, 1, storedIn(c, "shop%orders"))
		left := begin(t, p, "2")
		left.Unknown()
		checkNow(t, c)
		require.Equal(t, left.Info(), j.asked[0].TransactionInfo)
		require.Equal(t, 2, storedIn(c, "shop%orders"))
	})
}

// A compressed message is given to the check as it was published, and a payload
// that the marshaler cannot read is given as it is.
func TestPromiseCheckedMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionUnknown)
		long := newMessage(string(make([]byte, 10_000)))
		p := publisherOn(t, c, withCheck(j))
		tx, err := p.BeginTransaction(orders, long)
		require.NoError(t, err)
		tx.Unknown()
		checkNow(t, c)
		requireSameMessage(t, long, j.asked[0].Message)

		errBad := errors.New("bad")
		j = judging(publisher.TransactionCommit)
		p2 := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.ProducerGroup, cfg.Transaction.Check, cfg.Marshaler = "other", j.check, oneWayMarshaler{errBad}
		})
		tx = begin(t, p2, "plain")
		tx.Unknown()
		synctest.Wait()
		c.Broker(0).CheckTransactions()
		synctest.Wait()
		require.ErrorIs(t, j.asked[0].UnmarshalErr, errBad)
		require.Equal(t, "plain", string(j.asked[0].Message.Payload))
		require.Equal(t, tx.Info().UUID, j.asked[0].UUID)
	})
}

// A half message that a marshaler has made, by its property, is held to the same
// rules as one of BeginTransaction; so is one of BeginTransaction that is delayed
// by its metadata.
func TestPromiseTransactionCombinations(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		half := func(cfg *publisher.Config) {
			cfg.Marshaler = addingMarshaler{property: headers.Property{Name: "TRAN_MSG", Value: "true"}}
		}
		refused := func(err error, want ...rocketmq.Feature) {
			t.Helper()
			var combined *publisher.CombinationError
			require.ErrorAs(t, err, &combined)
			require.Equal(t, want, combined.Features)
			require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		}
		keyed := publisherOn(t, c, func(cfg *publisher.Config) {
			half(cfg)
			cfg.OrderingKey = func(string, *message.Message) (string, error) { return "key", nil }
		})
		refused(keyed.Publish(orders, newMessage("x")), rocketmq.FeatureTransaction, rocketmq.FeatureOrderingKey)
		refused(publisherOn(t, c, half).PublishOneway(orders, newMessage("x")), rocketmq.FeatureTransaction, rocketmq.FeatureOneway)

		ahead := delayed(delay.For(time.Hour))
		_, err := publisherOn(t, c, withCheck(judging(publisher.TransactionUnknown))).BeginTransaction(orders, ahead)
		refused(err, rocketmq.FeatureTransaction, rocketmq.FeatureDelay)
		require.Zero(t, sends(c))

		require.NoError(t, publisherOn(t, c, half).Publish(orders, newMessage("x")), "by itself it is a half message")
	})
}

// A commit that the access control turns away says so as a message and a recall do.
func TestPromiseCommitTurnedAway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, withCheck(judging(publisher.TransactionUnknown)))
		tx := begin(t, p, "x")
		onEnd(c, embedded.Answer(headers.NoPermission, "User:rocketmq has no permission to access Topic:orders from 1.2.3.4, pub"))
		err := tx.Commit(t.Context())
		var denied *rocketmq.PermissionError
		require.ErrorAs(t, err, &denied)
	})
}

package outbox_test

import (
	"context"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// publishMany publishes n messages, whose payloads are numbers.
func publishMany(t *testing.T, tx *outbox.Tx, n int) {
	t.Helper()
	payloads := make([]string, n)
	for i := range payloads {
		payloads[i] = strconv.Itoa(i)
	}
	require.NoError(t, publish(tx, payloads...))
}

// endings has the servers of a name, or all for "", do something to the requests
// that end transactions.
func (s *shop) endings(server string, fault embedded.Fault) (remove func()) {
	return s.cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Code == headers.CodeEndTransaction && strings.HasPrefix(r.Server, server) {
			return fault
		}
		return embedded.Fault{}
	})
}

// A broker that does not answer costs Commit and Rollback one SendTimeout, however
// many messages there are.
func TestBrokerHangs(t *testing.T) {
	for _, n := range []int{1, 2, 100} {
		for name, end := range map[string]func(*outbox.Tx) error{
			"commit": (*outbox.Tx).Commit, "rollback": (*outbox.Tx).Rollback, "close": (*outbox.Tx).Close,
		} {
			t.Run(name+" "+strconv.Itoa(n), func(t *testing.T) {
				inShop(t, func(t *testing.T, s *shop) {
					tx := s.begin()
					publishMany(t, tx, n)
					remove := s.endings("", embedded.Ignore())
					began := time.Now()
					require.NoError(t, end(tx))
					require.Equal(t, s.pub.SendTimeout(), time.Since(began))
					require.Len(t, s.pending, n)
					for _, err := range s.pending {
						require.IsType(t, (*publisher.TransactionError)(nil), err)
					}
					remove()
					want := 0
					if name == "commit" {
						want = n
					}
					require.Len(t, s.afterChecks(), want)
				})
			})
		}
	}
}

// A broker that does not answer keeps none of the messages of another one waiting.
func TestOneBrokerHangs(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		publishMany(t, tx, 100)
		onSick := 0
		for _, m := range messagesIn(s.cluster, "RMQ_SYS_TRANS_HALF_TOPIC") {
			if m.BrokerName == "broker-a" {
				onSick++
			}
		}
		require.Greater(t, onSick, 16)
		require.Less(t, onSick, 100)
		s.endings("broker-a", embedded.Ignore())
		began := time.Now()
		require.NoError(t, tx.Commit())
		require.Equal(t, s.pub.SendTimeout(), time.Since(began))
		require.Len(t, s.pending, onSick)
		require.Len(t, s.published(), 100-onSick)
	}, embedded.WithBrokers(2))
}

// Brokers that need some time for each message get many of them at once, but not
// all.
func TestEndsAtOnce(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		publishMany(t, tx, 40)
		s.endings("", embedded.Delay(900*time.Millisecond))
		began := time.Now()
		require.NoError(t, tx.Commit())
		require.Equal(t, 2700*time.Millisecond, time.Since(began), "16, 16 and 8")
		require.Empty(t, s.pending)
		require.Len(t, s.published(), 40)
	}, embedded.WithBrokers(1))
}

// A panic of user code that the publisher calls arrives where Commit was called,
// and leaves the messages to the check.
func TestPanicInCommit(t *testing.T) {
	for _, n := range []int{1, 5} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			inShop(t, func(t *testing.T, s *shop) {
				var panics atomic.Bool // heartbeats ask as well
				require.NoError(t, s.pub.Close())
				s.startWith(func(cfg *publisher.Config) {
					cfg.Cluster.Credentials = rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
						if panics.Load() {
							panic("no vault")
						}
						return rocketmq.NewCredentials("shop", "secret"), nil
					})
				})
				tx := s.begin()
				publishMany(t, tx, n)
				synctest.Wait() // nobody asks but Commit
				panics.Store(true)
				require.PanicsWithValue(t, "no vault", func() { _ = tx.Commit() })
				panics.Store(false)
				require.ErrorIs(t, tx.Rollback(), outbox.ErrDone)
				require.Len(t, s.afterChecks(), n)
			})
		})
	}
}

// The publisher's Close waits for a Tx with messages, which ends as ever meanwhile.
func TestCloseWaits(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		empty := s.begin()
		defer func() { require.NoError(t, empty.Close()) }()
		committed, dropped, late := s.begin(), s.begin(), s.begin()
		require.NoError(t, publish(committed, "committed"))
		require.NoError(t, publish(dropped, "dropped"))
		require.NoError(t, publish(late, "late"))
		closed := make(chan error, 1)
		go func() { closed <- s.pub.Close() }()
		time.Sleep(time.Second)
		require.NoError(t, committed.Commit())
		require.NoError(t, dropped.Rollback())
		require.ErrorIs(t, publish(late, "too late"), publisher.ErrClosed)
		require.Empty(t, closed, "one is open")
		require.ErrorIs(t, late.Commit(), outbox.ErrPublishFailed)
		synctest.Wait()
		require.NoError(t, <-closed)
		require.Empty(t, s.pending)
		require.Equal(t, []string{"committed"}, s.published())
		require.Len(t, s.data.states(), 1)
		refused := s.begin()
		var failed *publisher.Error
		require.ErrorAs(t, publish(refused, "refused"), &failed)
		require.ErrorIs(t, refused.Commit(), publisher.ErrClosed)
		s.start()
		require.Equal(t, []string{"committed"}, s.afterChecks())
	})
}

// A Tx that outlives the publisher's CloseTimeout commits the database transaction.
// The check of the next program publishes the message.
func TestCloseTimeout(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "1"))
		began := time.Now()
		require.ErrorIs(t, s.pub.Close(), publisher.ErrCloseTimeout)
		require.Equal(t, 10*time.Second, time.Since(began))
		require.NoError(t, tx.Commit())
		require.Len(t, s.pending, 1)
		require.ErrorIs(t, s.pending[0], publisher.ErrClosed)
		require.Empty(t, s.published())
		s.start()
		require.Equal(t, []string{"1"}, s.afterChecks())
	})
}

// A Tx that Close has waited for keeps nothing after its end, whatever that was.
func TestCloseAfterEveryEnd(t *testing.T) {
	for name, end := range map[string]func(*shop, *outbox.Tx){
		"commit":   func(s *shop, tx *outbox.Tx) { require.NoError(s.t, tx.Commit()) },
		"rollback": func(s *shop, tx *outbox.Tx) { require.NoError(s.t, tx.Rollback()) },
		"commit fails": func(s *shop, tx *outbox.Tx) {
			s.data.failing(busy)
			require.ErrorIs(s.t, tx.Commit(), errBusy)
		},
		"rollback fails": func(s *shop, tx *outbox.Tx) {
			s.data.failing(busy)
			require.ErrorIs(s.t, tx.Rollback(), errBusy)
		},
		"publish has failed": func(s *shop, tx *outbox.Tx) {
			require.Error(s.t, tx.Publish(orders, nil))
			require.ErrorIs(s.t, tx.Commit(), outbox.ErrPublishFailed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inShop(t, func(t *testing.T, s *shop) {
				tx := s.begin()
				require.NoError(t, publish(tx, "1"))
				end(s, tx)
				require.ErrorIs(t, tx.Commit(), outbox.ErrDone)
				require.NoError(t, s.pub.Close())
				require.Zero(t, s.db.Stats().InUse)
			})
		})
	}
}

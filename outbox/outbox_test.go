package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const (
	orders        = "orders"
	checkMaxTopic = "TRANS_CHECK_MAX_TIME_TOPIC"
)

// shop is a program with an outbox, on a broker and a database of its own.
type shop struct {
	t       *testing.T
	cluster *embedded.Cluster
	data    *database
	db      *sql.DB
	box     *outbox.Outbox
	pub     *publisher.Publisher
	pending []error
}

// inShop runs a test in a synctest bubble.
func inShop(t *testing.T, test func(t *testing.T, s *shop), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic(orders, 1)}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, cluster.Close()) }()
		data, db := newDatabase()
		defer func() { require.NoError(t, db.Close()) }()
		s := &shop{t: t, cluster: cluster, data: data, db: db}
		s.box, err = outbox.New(db, outbox.Config{
			Dialect:   outbox.SQLite,
			OnPending: func(_ publisher.TransactionInfo, err error) { s.pending = append(s.pending, err) },
		})
		require.NoError(t, err)
		s.start()
		defer func() { require.NoError(t, s.pub.Close()) }()
		test(t, s)
	})
}

// start starts the program's publisher.
func (s *shop) start() { s.startWith(func(*publisher.Config) {}) }

func (s *shop) startWith(change func(*publisher.Config)) {
	cfg := publisher.Config{
		Cluster:       s.cluster.Config(),
		ProducerGroup: "shop",
		Transaction:   publisher.TransactionConfig{Check: s.box.Check},
	}
	change(&cfg)
	pub, err := publisher.New(cfg, nil)
	require.NoError(s.t, err)
	s.pub = pub
}

// restart is the end of the program, with all that is open, and its next start. The
// publisher waits in vain for those of its transactions that nobody ends.
func (s *shop) restart() {
	if err := s.pub.Close(); err != nil {
		require.ErrorIs(s.t, err, publisher.ErrCloseTimeout)
	}
	s.start()
}

func (s *shop) begin() *outbox.Tx {
	s.t.Helper()
	tx, err := s.box.Begin(s.t.Context(), s.pub, nil)
	require.NoError(s.t, err)
	return tx
}

// publish publishes a message for each payload.
func publish(tx *outbox.Tx, payloads ...string) error {
	var messages []*message.Message
	for _, payload := range payloads {
		messages = append(messages, message.NewMessage(watermill.NewUUID(), []byte(payload)))
	}
	return tx.Publish(orders, messages...)
}

// published lists the payloads that consumers get, at once or after all checks
// that there may be.
func (s *shop) published() []string {
	synctest.Wait()
	var bodies []string
	for _, m := range messagesIn(s.cluster, orders) {
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

func (s *shop) afterChecks() []string {
	time.Sleep(time.Hour)
	return s.published()
}

func TestCommit(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		_, err := tx.ExecContext(t.Context(), "UPDATE orders SET paid = true")
		require.NoError(t, err)
		require.NoError(t, publish(tx, "1", "2"))
		require.Empty(t, s.published())
		require.Empty(t, s.data.states())
		require.NoError(t, tx.Commit())
		require.ElementsMatch(t, []string{"1", "2"}, s.published())
		require.Len(t, s.data.states(), 2)
		require.NoError(t, tx.Close())
		require.ErrorIs(t, tx.Commit(), outbox.ErrDone)
		require.ErrorIs(t, tx.Rollback(), outbox.ErrDone)
		require.ErrorIs(t, publish(tx, "3"), outbox.ErrDone)
		require.ElementsMatch(t, []string{"1", "2"}, s.afterChecks())
		require.Empty(t, s.pending)
	})
}

func TestRollback(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "1"))
		require.NoError(t, tx.Close())
		require.ErrorIs(t, tx.Commit(), outbox.ErrDone)
		require.Empty(t, s.afterChecks())
		require.Empty(t, s.data.states(), "no check was needed")
	})
}

// A program that ends between the two commits has published, and one that ends
// before the first has not.
func TestRestart(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "committed"))
		require.NoError(t, tx.SQL().Commit())
		lost := s.begin()
		require.NoError(t, publish(lost, "lost"))
		require.NoError(t, lost.SQL().Rollback()) // as the database does when the connection ends
		s.restart()
		require.Equal(t, []string{"committed"}, s.afterChecks())
		require.Len(t, s.data.states(), 2, "a row and a tombstone")
		require.Zero(t, storedIn(s.cluster, checkMaxTopic))
	})
}

// A check of another program that comes while the database transaction is running
// does not lose the message: here the key is held, and then committed.
func TestCheckWhileRunning(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "1"))
		id := messagesIn(s.cluster, "RMQ_SYS_TRANS_HALF_TOPIC")[0].UniqueKey
		asked := publisher.CheckedMessage{TransactionInfo: publisher.TransactionInfo{MessageID: id}}
		require.Equal(t, publisher.TransactionUnknown, s.box.Check(t.Context(), asked))
		require.NoError(t, tx.Commit())
		require.Equal(t, publisher.TransactionCommit, s.box.Check(t.Context(), asked))
	})
}

// A tombstone that is quicker than the row keeps the database transaction from
// committing.
func TestTombstone(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		var id string
		s.data.failing(func(statement string) error {
			if strings.HasPrefix(statement, "INSERT") && id == "" {
				id = messagesIn(s.cluster, "RMQ_SYS_TRANS_HALF_TOPIC")[0].UniqueKey
				s.data.rows[id] = row{published: 0} // another program's check
			}
			return nil
		})
		tx := s.begin()
		require.ErrorIs(t, publish(tx, "1"), errDuplicate)
		err := tx.Commit()
		require.ErrorIs(t, err, outbox.ErrPublishFailed)
		require.EqualError(t, err, outbox.ErrPublishFailed.Error()+": insert row "+id+": duplicate key")
		require.Empty(t, s.afterChecks())
		require.Equal(t, map[string]bool{id: false}, s.data.states())
	})
}

// What a database says of a commit that has failed is not to be trusted. The row
// is.
func TestLostDatabaseCommit(t *testing.T) {
	for name, test := range map[string]struct {
		lose bool
		fail func(string) error
		want []string
	}{
		"it was done": {lose: true, want: []string{"1"}},
		"it was not": {fail: func(statement string) error {
			if statement == "COMMIT" {
				return errGone
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inShop(t, func(t *testing.T, s *shop) {
				tx := s.begin()
				require.NoError(t, publish(tx, "1"))
				s.data.failing(test.fail)
				s.data.loseCommit = test.lose
				require.ErrorIs(t, tx.Commit(), errGone)
				require.Empty(t, s.published())
				require.Equal(t, test.want, s.afterChecks())
			})
		})
	}
}

// A message whose commit is lost is published by the check, once. Commit is no
// failure for that.
func TestLostMessageCommit(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "1", "2"))
		remove := s.cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code == headers.CodeEndTransaction {
				return embedded.DropConnection()
			}
			return embedded.Fault{}
		})
		require.NoError(t, tx.Commit())
		require.Len(t, s.pending, 2)
		require.Empty(t, s.published())
		remove()
		require.ElementsMatch(t, []string{"1", "2"}, s.afterChecks())
	})
}

// A half message that fails dooms the database transaction.
func TestPublishFails(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		tx := s.begin()
		require.NoError(t, publish(tx, "1"))
		err := tx.Publish("TBW102", message.NewMessage("2", []byte("x")))
		var failed *publisher.Error
		require.ErrorAs(t, err, &failed)
		require.Error(t, tx.Publish(orders, nil), "a later failure")
		err = tx.Commit()
		require.ErrorIs(t, err, outbox.ErrPublishFailed)
		var cause *publisher.Error
		require.ErrorAs(t, err, &cause)
		require.Same(t, failed, cause, "the first")
		require.Empty(t, s.afterChecks())
	})
}

// A publisher that would never be asked is refused before the work is done, not
// after it.
func TestPublisherWithoutCheck(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		plain, err := publisher.New(publisher.Config{Cluster: s.cluster.Config()}, nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, plain.Close()) }()
		_, err = s.box.Begin(t.Context(), plain, nil)
		require.ErrorIs(t, err, publisher.ErrNoTransactionCheck)
		require.Zero(t, s.db.Stats().InUse)

		tx, err := s.db.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = s.box.Attach(t.Context(), plain, tx)
		require.ErrorIs(t, err, publisher.ErrNoTransactionCheck)
		attached, err := s.box.Attach(t.Context(), s.pub, tx)
		require.NoError(t, err, "it is the caller's still")
		require.NoError(t, publish(attached, "1"))
		require.NoError(t, attached.Commit())
		require.Equal(t, []string{"1"}, s.published())
	})
}

// A Publisher with ordering keys says what to do about a message in an outbox.
func TestOrderingKey(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		require.NoError(t, s.pub.Close())
		s.startWith(func(cfg *publisher.Config) {
			cfg.OrderingKey = func(topic string, _ *message.Message) (string, error) { return topic, nil }
		})
		tx := s.begin()
		err := publish(tx, "1")
		var refused *publisher.CombinationError
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, tx.Commit(), `let Config.OrderingKey return "" for it`)
	})
}

// A table that is missing is the first thing that goes wrong in a new program.
func TestMissingTable(t *testing.T) {
	const hint = "(see Outbox.CreateTable and Schema)"
	inShop(t, func(t *testing.T, s *shop) {
		for said, hinted := range map[string]bool{
			"SQL logic error: no such table: rocketmq_outbox (1)":                 true,
			`ERROR: relation "rocketmq_outbox" does not exist (SQLSTATE 42P01)`:   true,
			"Error 1146 (42S02): Table 'shop.rocketmq_outbox' doesn't exist":      true,
			`ERROR: role "shop" does not exist (SQLSTATE 28000)`:                  false,
			`ERROR: duplicate key value violates unique key "rocketmq_outbox_pk"`: false,
		} {
			missing := errors.New(said)
			tx := s.begin()
			s.data.failing(func(string) error { return missing })
			err := publish(tx, "1")
			_, cleanErr := s.box.Clean(t.Context(), 0)
			s.data.failing(nil)
			require.NoError(t, tx.Close())
			for _, err := range []error{err, cleanErr} {
				require.ErrorIs(t, err, missing)
				require.Equal(t, hinted, strings.HasSuffix(err.Error(), said+" "+hint), err)
			}
		}
	})
}

// The end of the context rolls back the database transaction, and the check the
// message.
func TestContextEnds(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := s.box.Begin(ctx, s.pub, nil)
		require.NoError(t, err)
		require.NoError(t, publish(tx, "1"))
		cancel()
		synctest.Wait()
		require.NoError(t, tx.Close())
		require.Empty(t, s.afterChecks())
		require.Len(t, s.data.states(), 1, "a tombstone")
	})
}

// As long as the database cannot be reached nothing is decided. When the broker
// gives up asking, the message is where operators find it, and the row tells them
// that it ought to have been published.
func TestDatabaseIsDown(t *testing.T) {
	for name, down := range map[string]time.Duration{"for a while": 5 * time.Minute, "for too long": time.Hour} {
		t.Run(name, func(t *testing.T) {
			inShop(t, func(t *testing.T, s *shop) {
				tx := s.begin()
				require.NoError(t, publish(tx, "1"))
				require.NoError(t, tx.SQL().Commit())
				s.restart()
				s.data.failing(busy)
				time.Sleep(down)
				require.Empty(t, s.published())
				s.data.failing(nil)
				if down < 7*time.Minute {
					require.Equal(t, []string{"1"}, s.afterChecks())
					require.Zero(t, storedIn(s.cluster, checkMaxTopic))
					return
				}
				require.Empty(t, s.afterChecks())
				lost := messagesIn(s.cluster, checkMaxTopic)
				require.Len(t, lost, 1)
				require.Equal(t, map[string]bool{lost[0].UniqueKey: true}, s.data.states())
			})
		})
	}
}

func TestClean(t *testing.T) {
	inShop(t, func(t *testing.T, s *shop) {
		for range 2 {
			tx := s.begin()
			require.NoError(t, publish(tx, "1"))
			require.NoError(t, tx.Commit())
			time.Sleep(time.Hour)
		}
		n, err := s.box.Clean(t.Context(), 90*time.Minute)
		require.NoError(t, err)
		require.Equal(t, int64(1), n)
		require.Len(t, s.data.states(), 1)
		s.data.failing(busy)
		_, err = s.box.Clean(t.Context(), 0)
		require.ErrorIs(t, err, errBusy)
		require.ErrorIs(t, s.box.CreateTable(t.Context()), errBusy)
		_, err = s.box.Begin(t.Context(), s.pub, nil)
		require.ErrorIs(t, err, errBusy)
	})
}

func TestConfig(t *testing.T) {
	_, db := open(t)
	_, err := outbox.New(nil, outbox.Config{Dialect: outbox.SQLite})
	require.Error(t, err)
	_, err = outbox.New(db, outbox.Config{})
	require.ErrorContains(t, err, "Dialect")
	for _, table := range []string{"a b", "a;", "1a", "a.b.c", `"a"`, "a?"} {
		_, err = outbox.New(db, outbox.Config{Dialect: outbox.MySQL, Table: table})
		require.ErrorContains(t, err, "Table")
	}
	for dialect, want := range map[outbox.Dialect]string{
		outbox.SQLite:     "CREATE TABLE IF NOT EXISTS shop.outbox (id VARCHAR(64) NOT NULL PRIMARY KEY, published SMALLINT NOT NULL, created_ms BIGINT NOT NULL)",
		outbox.PostgreSQL: "CREATE TABLE IF NOT EXISTS shop.outbox (id VARCHAR(64) NOT NULL PRIMARY KEY, published SMALLINT NOT NULL, created_ms BIGINT NOT NULL)",
		outbox.MySQL:      "CREATE TABLE IF NOT EXISTS shop.outbox (id VARCHAR(64) NOT NULL PRIMARY KEY, published SMALLINT NOT NULL, created_ms BIGINT NOT NULL) ENGINE=InnoDB",
	} {
		box, err := outbox.New(db, outbox.Config{Dialect: dialect, Table: "shop.outbox"})
		require.NoError(t, err)
		require.Equal(t, want, box.Schema())
	}
}

// PostgreSQL numbers its placeholders.
func TestPlaceholders(t *testing.T) {
	const each = "DELETE FROM rocketmq_outbox WHERE id = ?"
	for dialect, want := range map[outbox.Dialect][]string{
		outbox.SQLite: {
			"SELECT id, created_ms FROM rocketmq_outbox WHERE id > ? ORDER BY id LIMIT 512",
			"DELETE FROM rocketmq_outbox WHERE id IN (?, ?, ?, ?)",
		},
		outbox.PostgreSQL: {
			"SELECT id, created_ms FROM rocketmq_outbox WHERE id > $1 ORDER BY id LIMIT 512",
			"DELETE FROM rocketmq_outbox WHERE id IN ($1, $2, $3, $4)",
		},
		outbox.MySQL: {
			"SELECT id, created_ms FROM rocketmq_outbox WHERE id > ? ORDER BY id LIMIT 512",
			"BEGIN", each, each, each, "COMMIT",
		},
	} {
		data, db := open(t)
		for _, id := range []string{"a", "b", "c"} {
			data.rows[id] = row{1, 0}
		}
		var got []string
		data.failing(func(statement string) error {
			got = append(got, statement)
			return nil
		})
		box, err := outbox.New(db, outbox.Config{Dialect: dialect})
		require.NoError(t, err)
		n, err := box.Clean(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, int64(3), n)
		require.Equal(t, want, got)
	}
}

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const topic = "orders"

// TestDatabases runs the same tests on all databases. PostgreSQL and MariaDB are
// started from the programs of the distribution.
func TestDatabases(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) (fresh func(t *testing.T) database){
		"sqlite":     startSQLite,
		"postgresql": startPostgreSQL,
		"mariadb":    startMariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			fresh := start(t)
			for name, test := range map[string]func(t *testing.T, d database){
				"decides":                 testDecides,
				"savepoint":               testSavepoint,
				"rolled back by SQL":      testRolledBackBySQL,
				"commit of a failed one":  testCommitOfFailed,
				"missing table":           testMissingTable,
				"tables made together":    testTablesMadeTogether,
				"clean":                   testClean,
				"clean beside running":    testCleanBesideRunning,
				"killed at any moment":    testKilledAtAnyMoment,
				"faults at every request": testFaults,
			} {
				t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
			}
		})
	}
}

// startSQLite is no start: each database is a file.
func startSQLite(*testing.T) func(t *testing.T) database {
	return func(t *testing.T) database { return sqlite(filepath.Join(t.TempDir(), "shop.db")) }
}

// shop is a program on a broker and a database of its own.
type shop struct {
	t       *testing.T
	cluster *embedded.Cluster
	dialect outbox.Dialect
	db      *sql.DB
	box     *outbox.Outbox
	pub     *publisher.Publisher
}

func open(t *testing.T, d database) *shop {
	t.Helper()
	cluster, err := embedded.Start()
	must(t, err)
	t.Cleanup(func() { cluster.Close() })
	s := settings{cluster.NameServers()[0], d, topic, "shop"}
	db, box, pub, err := s.open(t.Context(), nil)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	t.Cleanup(func() { must(t, pub.Close()) })
	return &shop{t, cluster, d.dialect, db, box, pub}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *shop) begin() *outbox.Tx {
	s.t.Helper()
	tx, err := s.box.Begin(s.t.Context(), s.pub, nil)
	must(s.t, err)
	s.t.Cleanup(func() { tx.Close() })
	return tx
}

// order takes an order.
func order(tx *outbox.Tx, name string) error {
	// The names are of the tests and need no quotes. A placeholder would be one for
	// each dialect.
	if _, err := tx.Exec("INSERT INTO orders (name) VALUES ('" + name + "')"); err != nil {
		return err
	}
	return tx.Publish(topic, message.NewMessage(watermill.NewUUID(), []byte(name)))
}

func (s *shop) exec(tx *outbox.Tx, statement string) {
	s.t.Helper()
	_, err := tx.Exec(statement)
	must(s.t, err)
}

// check is what another program of the group says of the latest half message. A row
// that is locked is not waited for: nothing is known then.
func (s *shop) check() publisher.TransactionState {
	halves, err := s.cluster.Messages("RMQ_SYS_TRANS_HALF_TOPIC")
	must(s.t, err)
	id := halves[len(halves)-1].UniqueKey
	ctx, cancel := context.WithTimeout(s.t.Context(), 500*time.Millisecond)
	defer cancel()
	return s.box.Check(ctx, publisher.CheckedMessage{TransactionInfo: publisher.TransactionInfo{MessageID: id}})
}

func (s *shop) wantCheck(want publisher.TransactionState) {
	s.t.Helper()
	got := s.check()
	// A busy database may not have answered in time.
	for begin := time.Now(); got != want && got == publisher.TransactionUnknown && time.Since(begin) < time.Minute; {
		got = s.check()
	}
	if got != want {
		s.t.Errorf("check says %s, want %s", got, want)
	}
}

// want says what is in the database, and what was published.
func (s *shop) want(names ...string) {
	s.t.Helper()
	if in := namesIn(s.t, s.db); !slices.Equal(in, names) {
		s.t.Errorf("in the database: %q, want %q", in, names)
	}
	if published := bodies(s.t, s.cluster); !slices.Equal(published, names) {
		s.t.Errorf("published: %q, want %q", published, names)
	}
}

// bodies lists what was published, in the order of the alphabet.
func bodies(t *testing.T, cluster *embedded.Cluster) []string {
	t.Helper()
	messages, err := cluster.Messages(topic)
	must(t, err)
	var bodies []string
	for _, m := range messages {
		bodies = append(bodies, string(m.Body))
	}
	slices.Sort(bodies)
	return bodies
}

func namesIn(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM orders")
	must(t, err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		names = append(names, name)
	}
	must(t, rows.Err())
	slices.Sort(names)
	return names
}

// What the outbox asks of a database: a check says nothing while the row's
// transaction runs, and a tombstone keeps the row out.
func testDecides(t *testing.T, d database) {
	s := open(t, d)
	tx := s.begin()
	must(t, order(tx, "a book"))
	s.wantCheck(publisher.TransactionUnknown)
	must(t, tx.Commit())
	s.wantCheck(publisher.TransactionCommit)

	tx = s.begin()
	must(t, order(tx, "a yacht"))
	must(t, tx.Rollback())
	s.wantCheck(publisher.TransactionRollback)

	// A half message without a row, as it is just before the row is inserted.
	half, err := s.pub.BeginTransaction(topic, message.NewMessage("half", []byte("half")))
	must(t, err)
	s.wantCheck(publisher.TransactionRollback)
	s.wantCheck(publisher.TransactionRollback)
	if _, err := s.db.ExecContext(t.Context(), "INSERT INTO rocketmq_outbox (id, published, created_ms) VALUES ('"+half.Info().MessageID+"', 1, 0)"); err == nil {
		t.Error("the row was inserted beside the tombstone")
	}
	must(t, half.Rollback(t.Context()))
	s.want("a book")
}

// A rollback to a savepoint takes back the messages since, also where a check has
// left a tombstone in the place of a row.
func testSavepoint(t *testing.T, d database) {
	s := open(t, d)
	tx := s.begin()
	must(t, order(tx, "before"))
	s.exec(tx, "SAVEPOINT step")
	must(t, order(tx, "undone"))
	s.exec(tx, "ROLLBACK TO SAVEPOINT step")
	if state := s.check(); state == publisher.TransactionCommit {
		t.Errorf("check says %s", state)
	}
	must(t, order(tx, "after"))
	s.exec(tx, "SAVEPOINT other")
	must(t, order(tx, "released"))
	s.exec(tx, "RELEASE SAVEPOINT other")
	must(t, tx.Commit())
	s.want("after", "before", "released")
}

// A transaction that SQL has rolled back, as some databases do by themselves on a
// deadlock, has no messages.
func testRolledBackBySQL(t *testing.T, d database) {
	s := open(t, d)
	tx := s.begin()
	must(t, order(tx, "a book"))
	s.exec(tx, "ROLLBACK")
	_ = tx.Commit() // some say that there is nothing to commit
	s.want()
	s.wantCheck(publisher.TransactionRollback)
}

// Databases differ in what a transaction is after a statement has failed. The
// messages go with the rest of it.
func testCommitOfFailed(t *testing.T, d database) {
	s := open(t, d)
	tx := s.begin()
	must(t, order(tx, "a book"))
	if _, err := tx.Exec("INSERT INTO nowhere (name) VALUES ('x')"); err == nil {
		t.Fatal("there is no such table")
	}
	if err := tx.Commit(); err != nil {
		s.want()
		return
	}
	s.want("a book")
}

func testMissingTable(t *testing.T, d database) {
	s := open(t, d)
	var err error
	s.box, err = outbox.New(s.db, outbox.Config{Dialect: d.dialect, Table: "missing"})
	must(t, err)
	_, cleanErr := s.box.Clean(t.Context(), 0)
	for _, err := range []error{cleanErr, order(s.begin(), "a book")} {
		if err == nil || !strings.HasSuffix(err.Error(), "(see Outbox.CreateTable and Schema)") {
			t.Errorf("a missing table: %v", err)
		}
	}
}

// patient is the database for a test with several writers at once, which take turns
// on SQLite.
func patient(d database) database {
	d.source = strings.ReplaceAll(d.source, "busy_timeout(1000)", "busy_timeout(60000)")
	return d
}

// Several processes create the table when they start.
func testTablesMadeTogether(t *testing.T, d database) {
	s := open(t, patient(d))
	const processes, tables = 8, 20
	for table := range tables {
		box, err := outbox.New(s.db, outbox.Config{Dialect: d.dialect, Table: fmt.Sprint("together", table)})
		must(t, err)
		var errs [processes]error
		var wg sync.WaitGroup
		ready := make(chan struct{})
		for i := range errs {
			wg.Go(func() {
				<-ready
				errs[i] = box.CreateTable(t.Context())
			})
		}
		close(ready)
		wg.Wait()
		must(t, errors.Join(errs[:]...))
	}
}

// fill fills the outbox table with n rows, of which every other one is two hours
// old.
func (s *shop) fill(n int) {
	s.t.Helper()
	now := time.Now()
	values := make([]string, n)
	for i := range values {
		created := now
		if i%2 == 0 {
			created = now.Add(-2 * time.Hour)
		}
		values[i] = fmt.Sprintf("('%032X', 1, %d)", i, created.UnixMilli())
	}
	for some := range slices.Chunk(values, 500) {
		_, err := s.db.ExecContext(s.t.Context(), "INSERT INTO rocketmq_outbox (id, published, created_ms) VALUES "+strings.Join(some, ", "))
		must(s.t, err)
	}
}

func (s *shop) rows() int {
	s.t.Helper()
	var rows int
	must(s.t, s.db.QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM rocketmq_outbox").Scan(&rows))
	return rows
}

func (s *shop) wantCleaned(age time.Duration, want int64) {
	s.t.Helper()
	if n, err := s.box.Clean(s.t.Context(), age); n != want || err != nil {
		s.t.Errorf("%d rows cleaned, %v; want %d", n, err, want)
	}
}

func testClean(t *testing.T, d database) {
	s := open(t, patient(d))
	tx := s.begin()
	must(t, order(tx, "a book"))
	must(t, tx.Commit())
	s.fill(3001)
	s.wantCleaned(24*time.Hour, 0)
	var wg sync.WaitGroup
	var cleaned [2]int64
	var errs [2]error
	for i := range cleaned {
		wg.Go(func() { cleaned[i], errs[i] = s.box.Clean(t.Context(), time.Hour) })
	}
	wg.Wait()
	must(t, errors.Join(errs[:]...))
	if cleaned[0]+cleaned[1] != 1501 {
		t.Errorf("rows cleaned by two at once: %d, want 1501 in all", cleaned)
	}
	s.wantCheck(publisher.TransactionCommit)
	if n := s.rows(); n != 1501 {
		t.Errorf("%d rows are left, want 1501", n)
	}
	s.wantCleaned(-time.Hour, 1501)
}

// A transaction that is running keeps Clean not waiting, nor does Clean a
// transaction, where the database can have two of them.
func testCleanBesideRunning(t *testing.T, d database) {
	if d.dialect == outbox.SQLite {
		t.Skip("SQLite has one writer at a time")
	}
	for _, rows := range []int{1, 2, 5, 20, 100, 512, 3000} { // databases take small tables as a whole
		s := open(t, d)
		_, err := s.db.ExecContext(t.Context(), "DELETE FROM rocketmq_outbox")
		must(t, err)
		_, err = s.db.ExecContext(t.Context(), "DELETE FROM orders")
		must(t, err)
		s.fill(rows)
		running := s.begin()
		must(t, order(running, "running"))
		s.wantCleaned(time.Hour, int64(rows+1)/2)
		other := s.begin()
		must(t, order(other, "other"))
		must(t, other.Commit())
		must(t, running.Commit())
		s.want("other", "running")
	}
}

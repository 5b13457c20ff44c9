// Outbox takes orders into a SQLite database and publishes a message for each, and
// is killed while it does so: once before the database transaction has committed,
// once between that and the commit of the message. Run again, it answers the
// broker's checks: the first order is neither in the database nor published, the
// second is both, and neither comes twice.
//
//	go run -C _examples ./outbox
//
// It prints:
//
//	killed before the commit of the database
//	killed between the two commits
//	order killed before the commit of the database: 0 in the database, the check says rollback
//	order killed between the two commits: 1 in the database, the check says commit
//	messages in the topic: 1
//
// Without flags RocketMQ is an embedded broker, in this process, that checks after
// a second. With -nameserver it is a real cluster, where the first check comes
// after some 30 s, unless its brokers have a short transactionTimeOut and
// transactionCheckInterval.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	_ "modernc.org/sqlite" // the driver "sqlite", in pure Go

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// The steps at which the program kills itself.
const (
	beforeCommit   = "before the commit of the database"
	betweenCommits = "between the two commits"
)

// sendTimeout bounds the publishing of a message. It is longer than the default, as the
// program gives up when a broker is slow.
const sendTimeout = time.Minute

// stepEnv makes a process the one that is killed.
const stepEnv = "OUTBOX_EXAMPLE_KILLED"

// settings are the same for the process that is killed and the one after it.
type settings struct {
	nameServer   string
	database     database
	topic, group string
}

// database has the orders and the outbox.
type database struct {
	driver, source string // of sql.Open
	dialect        outbox.Dialect
}

// sqlite is a database in a file.
func sqlite(path string) database {
	return database{"sqlite", path + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(1000)", outbox.SQLite}
}

// args are the settings as arguments of another process, and settingsOf reads them.
func (s settings) args() []string {
	return []string{s.nameServer, s.database.driver, s.database.source, string(s.database.dialect), s.topic, s.group}
}

func settingsOf(args []string) (settings, error) {
	if len(args) != 6 {
		return settings{}, fmt.Errorf("arguments %q", args)
	}
	return settings{args[0], database{args[1], args[2], outbox.Dialect(args[3])}, args[4], args[5]}, nil
}

func main() {
	if step := os.Getenv(stepEnv); step != "" {
		log.Fatal(beKilled(step, os.Args[1:]))
	}
	nameServer := flag.String("nameserver", "", "host:port of a RocketMQ name server; empty starts an embedded broker")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *nameServer, "shop-orders", "shop"); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, nameServer, topic, group string) error {
	if nameServer == "" {
		// It asks for ten minutes, however slowly the next process starts.
		cluster, err := embedded.Start(embedded.WithTransactionCheck(time.Second, time.Second, 600))
		if err != nil {
			return err
		}
		defer cluster.Close()
		nameServer = cluster.NameServers()[0]
		defer func() {
			if n, err := cluster.Stored(topic); err == nil {
				fmt.Fprintf(out, "messages in the topic: %d\n", n)
			}
		}()
	}
	dir, err := os.MkdirTemp("", "outbox-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := settings{nameServer, sqlite(filepath.Join(dir, "shop.db")), topic, group}
	for _, step := range []string{beforeCommit, betweenCommits} {
		if err := kill(ctx, step, s); err != nil {
			return err
		}
		fmt.Fprintf(out, "killed %s\n", step)
	}
	return s.settle(ctx, out)
}

// kill runs this program as another process, which takes an order and kills
// itself.
func kill(ctx context.Context, step string, s settings) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self, s.args()...)
	child.Env = append(os.Environ(), stepEnv+"="+step)
	said, err := child.CombinedOutput()
	var killed *exec.ExitError
	if !errors.As(err, &killed) || killed.Exited() {
		return fmt.Errorf("the process was to be killed %s: %v: %s", step, err, said)
	}
	return nil
}

// beKilled takes an order and kills the process at that step. It returns only if
// something goes wrong.
func beKilled(step string, args []string) error {
	s, err := settingsOf(args)
	if err != nil {
		return err
	}
	ctx := context.Background()
	db, box, pub, err := s.open(ctx, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	defer pub.Close()

	tx, err := box.Begin(ctx, pub, nil)
	if err != nil {
		return err
	}
	defer tx.Close()
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (name) VALUES (?)", step); err != nil {
		return err
	}
	if err := tx.Publish(s.topic, message.NewMessage(watermill.NewUUID(), []byte(step))); err != nil {
		return err
	}
	if step == betweenCommits {
		// The first half of tx.Commit. The second commits the message.
		if err := tx.SQL().Commit(); err != nil {
			return err
		}
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	if err := self.Kill(); err != nil {
		return err
	}
	select {} // until the signal comes
}

// open opens the database and a publisher whose checks go by it. decided, if it is
// not nil, is told how each check ended.
func (s settings) open(ctx context.Context, decided chan<- decision) (*sql.DB, *outbox.Outbox, *publisher.Publisher, error) {
	db, err := sql.Open(s.database.driver, s.database.source)
	if err != nil {
		return nil, nil, nil, err
	}
	fail := func(err error) (*sql.DB, *outbox.Outbox, *publisher.Publisher, error) {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	box, err := outbox.New(db, outbox.Config{Dialect: s.database.dialect})
	if err != nil {
		return fail(err)
	}
	if err := box.CreateTable(ctx); err != nil {
		return fail(err)
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS orders (name TEXT NOT NULL)"); err != nil {
		return fail(err)
	}
	check := func(ctx context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
		state := box.Check(ctx, msg)
		if decided != nil && state != publisher.TransactionUnknown {
			decided <- decision{string(msg.Message.Payload), state}
		}
		return state
	}
	pub, err := publisher.New(publisher.Config{
		Cluster:       rocketmq.Cluster{NameServers: []string{s.nameServer}},
		ProducerGroup: s.group,
		SendTimeout:   sendTimeout, AttemptTimeout: sendTimeout,
		Transaction: publisher.TransactionConfig{Check: check},
	}, nil)
	if err != nil {
		return fail(err)
	}
	return db, box, pub, nil
}

// decision is what a check has come to.
type decision struct {
	order string
	state publisher.TransactionState
}

// settle is the next start of the program: the broker asks about both orders.
func (s settings) settle(ctx context.Context, out io.Writer) error {
	decided := make(chan decision, 16)
	db, _, pub, err := s.open(ctx, decided)
	if err != nil {
		return err
	}
	defer db.Close()
	states := make(map[string]publisher.TransactionState)
	for len(states) < 2 {
		select {
		case d := <-decided:
			states[d.order] = d.state
		case <-ctx.Done():
			return errors.Join(ctx.Err(), pub.Close())
		}
	}
	// What is decided is sent when Close has returned.
	if err := pub.Close(); err != nil {
		return err
	}
	for _, step := range []string{beforeCommit, betweenCommits} {
		var orders int
		if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders WHERE name = ?", step).Scan(&orders); err != nil {
			return err
		}
		fmt.Fprintf(out, "order killed %s: %d in the database, the check says %s\n", step, orders, states[step])
	}
	return nil
}

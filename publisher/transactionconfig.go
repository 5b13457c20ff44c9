package publisher

import (
	"context"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
)

// TransactionConfig sets up transactions. A publisher that has none needs none of
// it, and pays nothing for it.
type TransactionConfig struct {
	// Check says what became of the transaction of a half message that a broker
	// asks about: because its Commit or Rollback was lost, its process died, or
	// its local work takes long. Nil, the default, is for publishers without
	// transactions: BeginTransaction then returns ErrNoTransactionCheck.
	//
	// A broker asks any one producer of the group, so Check has to answer from
	// what all of them can see, a database say, also for transactions of another
	// process and from before a restart. So with Check, Config.ProducerGroup is
	// required: a name that no other program has, nor a Publisher of this one with
	// another Check or with none. A transaction that is open in this Publisher, or
	// being begun by it, is not asked about; one that is open in another process
	// may be. As long as its local work may yet commit, the answer has to be
	// TransactionUnknown, or TransactionRollback if Check has made sure that the
	// local work can no longer commit, as package outbox does with a row of its
	// own. Its time is transactionTimeOut, or CheckAfter, from when the half message
	// was sent, which Config.AttemptTimeout had better be below.
	//
	// It runs on goroutines of its own, Concurrency of them at once at most. ctx
	// ends after CheckTimeout and with Close. An answer that comes after
	// CheckTimeout is not sent, since the broker may have asked again by then. It
	// has to return when ctx ends, and must not call Close, which waits for it. A
	// panic is logged and taken for TransactionUnknown. Checks that do not come from
	// a broker of the cluster, or of the topics in use, are ignored.
	Check func(ctx context.Context, msg CheckedMessage) TransactionState

	// CheckTimeout bounds a call of Check. 10 s by default; a broker asks again
	// after transactionCheckInterval, 30 s by default.
	CheckTimeout time.Duration

	// Concurrency is how many calls of Check may run at once, 16 by default. 1024
	// more may wait, of 64 MiB with those that run; those beyond are dropped with a
	// log line, and come again. Compressed bodies are given to Check unpacked, up to
	// 64 MiB at once: those that find no room wait.
	Concurrency int

	// Topics are the Watermill topics that the group has transactions in. A
	// broker asks a producer that it has had a heartbeat from, so the Publisher
	// sends one to all brokers of these topics as soon as it is made, and keeps
	// doing so. Empty, the default, stands for all brokers of the cluster: name
	// the topics where there are many brokers.
	Topics []string

	// CheckAfter is how old a half message has to be before it is checked
	// (CHECK_IMMUNITY_TIME_IN_SECONDS), in whole seconds, rounded up. 0, the
	// default, leaves it to the broker's transactionTimeOut, 6 s by default. With
	// it, brokers of 5.1.4 and 5.5.0 refuse a Commit or Rollback that comes later
	// than that, and later than transactionTimeOut (ILLEGAL_OPERATION), and leave
	// the decision to the check alone: see Transaction.Commit. So it had better not
	// be less than transactionTimeOut. 4.9.7 takes a late one. Each
	// transactionCheckInterval that passes before CheckAfter counts as one of the
	// checks, though nobody is asked: with the brokers' defaults, where the 15th
	// and last check comes seven minutes after the first, the message is given up
	// before anybody is asked if CheckAfter is longer than that.
	CheckAfter time.Duration
}

func (c *TransactionConfig) setDefaults() {
	if c.Check == nil {
		return // what is set beside it is a fault
	}
	setDefault(&c.CheckTimeout, 10*time.Second)
	setDefault(&c.Concurrency, 16)
}

// check reports what is wrong, but for what Topics has in it. Of one that is not switched
// on, only that something is set.
func (c *TransactionConfig) check(l *faults.List) {
	if c.Check == nil {
		if c.CheckTimeout != 0 || c.Concurrency != 0 || len(c.Topics) != 0 || c.CheckAfter != 0 {
			l.Add("Transaction.Check is nil, but other fields of Transaction are set")
		}
		return
	}
	l.Duration("Transaction.CheckTimeout", c.CheckTimeout)
	l.Int("Transaction.Concurrency", c.Concurrency, 1, 1<<16)
	l.Duration("Transaction.CheckAfter", c.CheckAfter)
}

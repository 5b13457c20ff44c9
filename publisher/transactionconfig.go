package publisher

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
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
	// another Check or with none. A transaction that is open in this Publisher is
	// not asked about.
	//
	// It runs on goroutines of its own, Concurrency of them at once at most. ctx
	// ends after CheckTimeout and with Close. An answer that comes after
	// CheckTimeout is not sent, since the broker may have asked again by then. It
	// has to return when ctx ends, and must not call Close, which waits for it. A
	// panic is logged and taken for TransactionUnknown.
	Check func(ctx context.Context, msg CheckedMessage) TransactionState

	// CheckTimeout bounds a call of Check. 10 s by default; a broker asks again
	// after transactionCheckInterval, 30 s by default.
	CheckTimeout time.Duration

	// Concurrency is how many calls of Check may run at once, 16 by default. 1024
	// more may wait; those beyond are dropped with a log line, and come again.
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

// faults lists what is wrong, each with the name of its field.
func (c *TransactionConfig) faults(topics marshaler.TopicMapper) (faults []error) {
	if c.Check == nil {
		if c.CheckTimeout != 0 || c.Concurrency != 0 || len(c.Topics) != 0 || c.CheckAfter != 0 {
			faults = append(faults, errors.New("Transaction.Check is nil, but other fields of Transaction are set"))
		}
		return faults
	}
	if c.CheckTimeout < 0 {
		faults = append(faults, fmt.Errorf("Transaction.CheckTimeout is %v, want 0 or more", c.CheckTimeout))
	}
	if c.Concurrency < 1 || c.Concurrency > 1<<16 {
		faults = append(faults, fmt.Errorf("Transaction.Concurrency is %d, want 1 to %d", c.Concurrency, 1<<16))
	}
	if c.CheckAfter < 0 {
		faults = append(faults, fmt.Errorf("Transaction.CheckAfter is %v, want 0 or more", c.CheckAfter))
	}
	for _, topic := range c.Topics {
		if _, err := topics.MapTopic(topic); err != nil {
			faults = append(faults, fmt.Errorf("Transaction.Topics: %w", err))
		}
	}
	return faults
}

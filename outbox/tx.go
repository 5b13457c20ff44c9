package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

var (
	// ErrPublishFailed is returned by Tx.Commit after a Publish of the same
	// transaction has failed, wrapped together with the first such failure. The
	// database transaction was rolled back.
	ErrPublishFailed = errors.New("outbox: a message could not be published, so the database transaction is rolled back")
	// ErrDone means that the Tx was committed or rolled back before.
	ErrDone = errors.New("outbox: transaction has been committed or rolled back")
)

// sqlTx keeps the embedded field out of reach: who commits it by itself leaves
// the messages to the check.
type sqlTx = sql.Tx

// Tx is a database transaction with messages that are published if and only if it
// commits. All methods of sql.Tx work on it; Commit and Rollback end the messages
// as well. It is a message.Publisher. A Tx is for one goroutine at a time.
type Tx struct {
	*sqlTx
	box    *Outbox
	pub    *publisher.Publisher
	ctx    context.Context
	halves []*publisher.Transaction
	failed error // the first failure of Publish
	done   bool
}

var _ message.Publisher = (*Tx)(nil)

// Begin begins a database transaction, for messages that pub publishes. pub must
// have Check as its Config.Transaction.Check; one that has none is refused with
// publisher.ErrNoTransactionCheck. ctx is that of sql.DB.BeginTx: its end rolls the
// database transaction back. opts may be nil. Close, Commit or Rollback ends the
// Tx.
func (o *Outbox) Begin(ctx context.Context, pub *publisher.Publisher, opts *sql.TxOptions) (*Tx, error) {
	if err := checked(pub); err != nil {
		return nil, fmt.Errorf("outbox: begin: %w", err)
	}
	tx, err := o.db.BeginTx(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("outbox: begin: %w", err)
	}
	return &Tx{sqlTx: tx, box: o, pub: pub, ctx: ctx}, nil
}

// Attach is Begin for a database transaction that has begun already. It has to be
// ended by the Tx; after an error it is the caller's as before. The transaction
// must be one of the Outbox's database.
func (o *Outbox) Attach(ctx context.Context, pub *publisher.Publisher, tx *sql.Tx) (*Tx, error) {
	if err := checked(pub); err != nil {
		return nil, fmt.Errorf("outbox: attach: %w", err)
	}
	return &Tx{sqlTx: tx, box: o, pub: pub, ctx: ctx}, nil
}

// checked refuses a publisher whose half messages nobody would be asked about.
func checked(pub *publisher.Publisher) error {
	if !pub.HasTransactionCheck() {
		return publisher.ErrNoTransactionCheck
	}
	return nil
}

// SQL is the database transaction, for code that takes nothing but a *sql.Tx. It
// must not be committed or rolled back by itself.
func (t *Tx) SQL() *sql.Tx { return t.sqlTx }

// Publish stores half messages, in the order given, and a row for each within the
// database transaction. Consumers get the messages after Commit. On an error the
// database transaction has to be rolled back, which Commit then does: some of the
// messages may be half stored, and all of them will be dropped. The error of a half
// message is that of publisher.Publisher.BeginTransaction, wrapped.
//
// The database transaction stays open while brokers answer, so publish late in
// it: its locks are held meanwhile.
func (t *Tx) Publish(topic string, messages ...*message.Message) error {
	if t.done {
		return ErrDone
	}
	for _, msg := range messages {
		half, err := t.pub.BeginTransaction(topic, msg)
		if err != nil {
			return t.fail(err)
		}
		t.halves = append(t.halves, half)
		id := half.Info().MessageID
		if _, err := t.ExecContext(t.ctx, t.box.sql.insert, id, rowPublished, t.box.now().UnixMilli()); err != nil {
			return t.fail(fmt.Errorf("insert row %s: %w", id, t.box.hinted(err)))
		}
	}
	return nil
}

// fail dooms the transaction.
func (t *Tx) fail(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return fmt.Errorf("outbox: %w", err)
}

// Commit commits the database transaction and then the messages.
//
// Nil means that the database transaction has committed: all of its messages are
// published, or will be by the check. Config.OnPending is told of the latter.
//
// After ErrPublishFailed and ErrDone nothing of this transaction is, or will be,
// in the database or published. Any other error is the database's and is wrapped:
// whether the transaction has committed is then the database's secret, and the
// messages are left to the check, which finds out.
func (t *Tx) Commit() error {
	if t.done {
		return ErrDone
	}
	if t.failed != nil {
		_ = t.Rollback() // ErrPublishFailed says it; a database that fails here commits nothing
		return fmt.Errorf("%w: %w", ErrPublishFailed, t.failed)
	}
	t.done = true
	if err := t.sqlTx.Commit(); err != nil {
		t.leave()
		return fmt.Errorf("outbox: commit: %w", err)
	}
	t.end((*publisher.Transaction).Commit)
	return nil
}

// Rollback rolls back the database transaction and then the messages. After Commit
// it does nothing and returns ErrDone. An error is the database's. The messages are
// then left to the check, as they are where the end of the Tx's context has rolled
// back the database transaction before, which is no error.
func (t *Tx) Rollback() error {
	if t.done {
		return ErrDone
	}
	t.done = true
	if err := t.sqlTx.Rollback(); err != nil {
		// It may have been ended by SQL, and even be committed.
		t.leave()
		if errors.Is(err, sql.ErrTxDone) && t.ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("outbox: roll back: %w", err)
	}
	t.end((*publisher.Transaction).Rollback)
	return nil
}

// leave leaves the messages to the check.
func (t *Tx) leave() {
	for _, half := range t.halves {
		half.Unknown()
	}
}

// Close rolls back what was not committed. It is for a defer: after Commit or
// Rollback it does nothing and returns nil.
func (t *Tx) Close() error {
	if t.done {
		return nil
	}
	return t.Rollback()
}

// end ends the half messages. What was decided in the database is decided: the
// context's end does not count any more. A request that was not sent is tried
// once more; what then has not ended is left to the check.
func (t *Tx) end(how func(*publisher.Transaction, context.Context) error) {
	ctx := context.WithoutCancel(t.ctx)
	for _, half := range t.halves {
		err := how(half, ctx)
		var failed *publisher.TransactionError
		if errors.As(err, &failed) && failed.Open {
			err = how(half, ctx)
		}
		if err == nil {
			continue
		}
		half.Unknown()
		if t.box.cfg.OnPending != nil {
			t.box.cfg.OnPending(half.Info(), err)
		}
	}
}

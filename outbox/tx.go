package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

var (
	// ErrPublishFailed is returned by Tx.Commit after a Publish of the same
	// transaction has failed, wrapped together with the first such failure. The
	// database transaction was rolled back.
	ErrPublishFailed = errors.New("outbox: a message could not be published, so the database transaction is rolled back")
	// ErrDone means that Commit or Rollback was called before, and did nothing
	// this time: how the Tx has ended is what the first call returned.
	ErrDone = errors.New("outbox: transaction has been committed or rolled back")
)

// sqlTx keeps the embedded field out of reach: who commits it by itself leaves
// the messages to the check.
type sqlTx = sql.Tx

// Tx is a database transaction with messages that are published if and only if it
// commits. All methods of sql.Tx work on it; Commit and Rollback end the messages
// as well. It is a message.Publisher. A Tx is for one goroutine at a time.
//
// Savepoints work: a message that was published since a savepoint is dropped where
// the database transaction is rolled back to it, as the rest of what was done since
// is.
//
// From its first Publish until its end a Tx counts as a call under way of its
// Publisher: publisher.Publisher.Close waits for it, up to Config.CloseTimeout, and
// its messages are ended as ever meanwhile; Publish fails from then on. The messages
// of a Tx that is ended still later are left to the check. So end every Tx, also
// one whose context has ended: Close waits for those that nobody ends.
type Tx struct {
	*sqlTx
	box     *Outbox
	pub     *publisher.Publisher
	ctx     context.Context
	halves  []*publisher.Transaction
	release func() // of pub's Hold, nil before the first Publish
	failed  error  // the first failure of Publish
	done    bool
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
// must be one of the Outbox's database. ctx is for the outbox's own statements: after
// its end Publish fails, and Commit rolls back.
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
// must not be committed or rolled back by itself, nor by a statement that commits
// implicitly, as CREATE TABLE does on MySQL.
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
	if t.release == nil {
		t.release, _ = t.pub.Hold() // one that is closed refuses the message by itself
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

// Commit commits the database transaction and then the messages, which consumers
// get in any order. It first looks for the rows of the messages, one SELECT for each
// 512: a message whose row is not there any more, because of a rollback to a
// savepoint, is rolled back. A serializable transaction has read the outbox table
// then, so two of them that run at the same time may fail more often.
//
// Nil means that the database transaction has committed: all of its messages are
// published, or will be by the check. Config.OnPending is told of the latter. All
// of them together have one publisher.Config.SendTimeout to be ended in, however
// many they are; the rest is left to the check.
//
// After ErrPublishFailed nothing of this transaction is, or will be, in the database
// or published. ErrDone says nothing but that Commit or Rollback was called before.
// Any other error is the database's and is wrapped: whether the transaction has
// committed is then the database's secret, and the messages are left to the check,
// which finds out.
func (t *Tx) Commit() error {
	if t.done {
		return ErrDone
	}
	if t.failed != nil {
		_ = t.Rollback() // ErrPublishFailed says it; a database that fails here commits nothing
		return fmt.Errorf("%w: %w", ErrPublishFailed, t.failed)
	}
	endings, err := t.endings()
	if err != nil {
		_ = t.Rollback() // the first error tells more
		return fmt.Errorf("outbox: commit: look for the messages' rows: %w", err)
	}
	t.done = true
	defer t.leave()
	if err := t.sqlTx.Commit(); err != nil {
		return fmt.Errorf("outbox: commit: %w", err)
	}
	t.end(endings)
	return nil
}

// endings says how to end each half message once the database transaction has
// committed: those whose rows are there are committed.
func (t *Tx) endings() ([]*ending, error) {
	kept := make(map[string]struct{}, len(t.halves))
	for halves := range slices.Chunk(t.halves, portion) {
		if err := t.find(halves, kept); err != nil {
			return nil, err
		}
	}
	endings := make([]*ending, len(t.halves))
	for i, half := range t.halves {
		endings[i] = &ending{half: half, how: (*publisher.Transaction).Rollback}
		if _, ok := kept[half.Info().MessageID]; ok {
			endings[i].how = (*publisher.Transaction).Commit
		}
	}
	return endings, nil
}

// find adds the ids whose rows are there, as the database transaction sees it. The
// tombstone of a check may be in the place of a row that was undone.
func (t *Tx) find(halves []*publisher.Transaction, kept map[string]struct{}) error {
	ids := make([]any, len(halves))
	for i, half := range halves {
		ids[i] = half.Info().MessageID
	}
	query, args := t.box.cfg.Dialect.kept(t.box.cfg.Table, ids)
	rows, err := t.QueryContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		kept[id] = struct{}{}
	}
	return rows.Err()
}

// Rollback rolls back the database transaction and then the messages, within one
// publisher.Config.SendTimeout. After Commit it does nothing and returns ErrDone. An
// error is the database's. The messages are then left to the check, as they are
// where the end of the Tx's context has rolled back the database transaction before,
// which is no error.
func (t *Tx) Rollback() error {
	if t.done {
		return ErrDone
	}
	t.done = true
	defer t.leave()
	if err := t.sqlTx.Rollback(); err != nil {
		// It may have been ended by SQL, and even be committed.
		if errors.Is(err, sql.ErrTxDone) && t.ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("outbox: roll back: %w", err)
	}
	endings := make([]*ending, len(t.halves))
	for i, half := range t.halves {
		endings[i] = &ending{half: half, how: (*publisher.Transaction).Rollback}
	}
	t.end(endings)
	return nil
}

// leave leaves the messages that have not been ended to the check, also when user
// code has panicked, and the Publisher to its Close.
func (t *Tx) leave() {
	for _, half := range t.halves {
		half.Unknown()
	}
	if t.release != nil {
		t.release()
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

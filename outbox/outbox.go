package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// DefaultTable is the table of an Outbox that was given none.
const DefaultTable = "rocketmq_outbox"

// Config sets up an Outbox.
type Config struct {
	// Dialect of the database. Required.
	Dialect Dialect
	// Table is the outbox table, DefaultTable by default: letters, digits and _,
	// with a schema before a dot or without.
	Table string
	// OnPending is told of each message whose transaction could not be ended when
	// the database transaction was, and why: the check will end it, some seconds
	// later. It runs on the goroutine that calls Tx.Commit or Tx.Rollback. Nil by
	// default.
	OnPending func(info publisher.TransactionInfo, err error)
}

// Validate reports everything that is wrong, each fault with its field.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format, args...))
	}
	if !c.Dialect.known() {
		fault("Dialect is %q, want %q, %q or %q", c.Dialect, SQLite, PostgreSQL, MySQL)
	}
	if c.Table != "" {
		if err := checkTable(c.Table); err != nil {
			fault("Table: %w", err)
		}
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("outbox: config: %w", err)
	}
	return nil
}

// Outbox is a table of the ids of published messages. It is safe for concurrent
// use, and owns nothing: the database is the caller's.
type Outbox struct {
	db  *sql.DB
	cfg Config
	sql statements
	now func() time.Time
}

// New checks the configuration and returns an Outbox on the database. It asks the
// database nothing: see CreateTable.
func New(db *sql.DB, cfg Config) (*Outbox, error) {
	if db == nil {
		return nil, errors.New("outbox: the database is nil")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Table == "" {
		cfg.Table = DefaultTable
	}
	return &Outbox{db: db, cfg: cfg, sql: cfg.Dialect.statements(cfg.Table), now: time.Now}, nil
}

// CreateTable creates the outbox table unless there is one. Several processes may
// call it at once. Schema returns the statement for those who create their tables
// otherwise.
func (o *Outbox) CreateTable(ctx context.Context) error {
	_, err := o.db.ExecContext(ctx, o.sql.create)
	if err != nil && o.cfg.Dialect == PostgreSQL {
		// Its IF NOT EXISTS fails with a duplicate key in a system table where
		// another process creates the table at the same time. The table is there
		// once that error has come.
		_, err = o.db.ExecContext(ctx, o.sql.create)
	}
	if err != nil {
		return fmt.Errorf("outbox: create table %s: %w", o.cfg.Table, err)
	}
	return nil
}

// Schema is the statement that creates the table.
func (o *Outbox) Schema() string { return o.sql.create }

// hinted says where a table that is missing comes from.
func (o *Outbox) hinted(err error) error {
	if !isMissingTable(err, o.cfg.Table) {
		return err
	}
	return fmt.Errorf("%w (see Outbox.CreateTable and Schema)", err)
}

// Check is a publisher.TransactionConfig.Check: it decides by the message's row.
// A database that fails or is busy leaves the decision to the next check.
func (o *Outbox) Check(ctx context.Context, msg publisher.CheckedMessage) publisher.TransactionState {
	if msg.MessageID == "" {
		return publisher.TransactionUnknown // not of a Publisher; see Tx.Publish
	}
	state, err := o.find(ctx, msg.MessageID)
	if !errors.Is(err, sql.ErrNoRows) {
		return state
	}
	// The tombstone comes first: as long as it is not committed, the row may
	// still be.
	if _, err := o.db.ExecContext(ctx, o.sql.insert, msg.MessageID, rowTombstone, o.now().UnixMilli()); err == nil {
		return publisher.TransactionRollback
	}
	// The row, or another's tombstone, was quicker, or the database is busy, or
	// the answer was lost.
	state, _ = o.find(ctx, msg.MessageID)
	return state
}

// find looks for a row, whose absence is sql.ErrNoRows. For every error the state
// is unknown.
func (o *Outbox) find(ctx context.Context, id string) (publisher.TransactionState, error) {
	var published int
	if err := o.db.QueryRowContext(ctx, o.sql.find, id).Scan(&published); err != nil {
		return publisher.TransactionUnknown, err
	}
	if published == rowPublished {
		return publisher.TransactionCommit, nil
	}
	return publisher.TransactionRollback, nil
}

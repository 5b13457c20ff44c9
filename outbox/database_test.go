package outbox_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// database is a database in memory that knows the statements of an outbox, with
// transactions, one savepoint and a primary key, and fails as it is told. Other
// statements succeed. The module of the examples tests the same on real databases.
type database struct {
	mu   sync.Mutex
	rows map[string]row
	held map[string]*connection // keys that running transactions have inserted
	fail func(statement string) error
	// loseCommit has commits done and then reported as failed.
	loseCommit bool
}

type row struct{ published, created int64 }

var (
	errDuplicate = errors.New("duplicate key")
	errBusy      = errors.New("the database is busy")
	errGone      = errors.New("the connection is gone")
)

func newDatabase() (*database, *sql.DB) {
	d := &database{rows: make(map[string]row), held: make(map[string]*connection)}
	return d, sql.OpenDB(d)
}

// open is newDatabase for a test, which closes it.
func open(t testing.TB) (*database, *sql.DB) {
	t.Helper()
	d, db := newDatabase()
	t.Cleanup(func() { _ = db.Close() }) // there is nothing to close
	return d, db
}

func (d *database) failing(fail func(statement string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = fail
}

// busy fails every statement.
func busy(string) error { return errBusy }

// states lists the rows: true for those of committed transactions.
func (d *database) states() map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	states := make(map[string]bool)
	for id, r := range d.rows {
		states[id] = r.published == 1
	}
	return states
}

func (d *database) Connect(context.Context) (driver.Conn, error) { return &connection{d: d}, nil }
func (d *database) Driver() driver.Driver                        { return nil }

// connection is one connection, with at most one transaction.
type connection struct {
	d       *database
	pending map[string]row // nil outside a transaction
	saved   map[string]row // pending as it was at the savepoint
}

func (c *connection) Prepare(query string) (driver.Stmt, error) { return statement{c, query}, nil }
func (c *connection) Close() error                              { return nil }
func (c *connection) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

func (c *connection) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if err := c.d.failure("BEGIN"); err != nil {
		return nil, err
	}
	c.pending = make(map[string]row)
	return c, nil
}

func (d *database) failure(statement string) error {
	if d.fail == nil {
		return nil
	}
	return d.fail(statement)
}

func (c *connection) end(commit bool) {
	for id, r := range c.pending {
		delete(c.d.held, id)
		if commit {
			c.d.rows[id] = r
		}
	}
	c.pending = nil
}

func (c *connection) Commit() error {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if err := c.d.failure("COMMIT"); err != nil {
		c.end(false)
		return err
	}
	c.end(true)
	if c.d.loseCommit {
		return errGone
	}
	return nil
}

func (c *connection) Rollback() error {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.end(false)
	return c.d.failure("ROLLBACK")
}

func (c *connection) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if err := c.d.failure(query); err != nil {
		return nil, err
	}
	switch {
	case strings.HasPrefix(query, "INSERT INTO rocketmq_outbox "):
		return driver.RowsAffected(1), c.insert(args[0].Value.(string), row{args[1].Value.(int64), args[2].Value.(int64)})
	case strings.HasPrefix(query, "DELETE "):
		before := len(c.d.rows)
		for _, id := range args {
			delete(c.d.rows, id.Value.(string))
		}
		return driver.RowsAffected(before - len(c.d.rows)), nil
	case query == "SAVEPOINT step":
		c.saved = maps.Clone(c.pending)
	case query == "ROLLBACK TO SAVEPOINT step":
		for id := range c.pending {
			if _, ok := c.saved[id]; !ok {
				delete(c.d.held, id)
			}
		}
		c.pending = c.saved
	}
	return driver.RowsAffected(0), nil
}

func (c *connection) insert(id string, r row) error {
	if _, ok := c.d.rows[id]; ok {
		return errDuplicate
	}
	if holder := c.d.held[id]; holder != nil && holder != c {
		return errBusy // a real one waits, and fails when the time is over
	}
	if c.pending == nil {
		c.d.rows[id] = r
		return nil
	}
	c.pending[id], c.d.held[id] = r, c
	return nil
}

func (c *connection) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	if err := c.d.failure(query); err != nil {
		return nil, err
	}
	first := args[0].Value.(string)
	switch {
	case strings.HasPrefix(query, "SELECT id FROM rocketmq_outbox WHERE published = 1 AND id IN "):
		found := &result{columns: []string{"id"}}
		for id, r := range c.visible() {
			if r.published == 1 && slices.ContainsFunc(args, func(a driver.NamedValue) bool { return a.Value == id }) {
				found.rows = append(found.rows, []driver.Value{id})
			}
		}
		return found, nil
	case strings.HasPrefix(query, "SELECT id, created_ms FROM rocketmq_outbox WHERE id > "):
		found := &result{columns: []string{"id", "created_ms"}}
		for _, id := range slices.Sorted(maps.Keys(c.d.rows)) {
			if id > first && len(found.rows) < 512 {
				found.rows = append(found.rows, []driver.Value{id, c.d.rows[id].created})
			}
		}
		return found, nil
	}
	found := &result{columns: []string{"published"}}
	if r, ok := c.visible()[first]; ok {
		found.rows = append(found.rows, []driver.Value{r.published})
	}
	return found, nil
}

// visible are the rows that the connection sees.
func (c *connection) visible() map[string]row {
	rows := maps.Clone(c.d.rows)
	maps.Copy(rows, c.pending)
	return rows
}

// statement is a prepared one.
type statement struct {
	c     *connection
	query string
}

func (statement) Close() error                               { return nil }
func (statement) NumInput() int                              { return -1 }
func (statement) Exec([]driver.Value) (driver.Result, error) { return nil, errors.ErrUnsupported }
func (statement) Query([]driver.Value) (driver.Rows, error)  { return nil, errors.ErrUnsupported }

func (s statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.c.ExecContext(ctx, s.query, args)
}

// result is what a query has found.
type result struct {
	columns []string
	rows    [][]driver.Value
}

func (r *result) Columns() []string { return r.columns }
func (*result) Close() error        { return nil }

func (r *result) Next(dest []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(dest, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}

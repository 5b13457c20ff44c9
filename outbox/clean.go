package outbox

import (
	"context"
	"fmt"
	"time"
)

// Clean deletes the rows that are older than age and returns their number, also
// beside an error. A row has to outlive the last check of its message: the message
// of a committed database transaction would be rolled back without it. A broker
// asks for some eight minutes by default, while it runs: one that was down goes on
// asking afterwards, about messages that are younger than its fileReservedTime (72
// hours). So an age of a week is right where that is left as it is. Ages go by the
// clocks of the programs that publish.
//
// Clean reads the whole table once, in the order of its primary key, and deletes up
// to 512 rows at a time. Each of these portions is a transaction of its own and locks
// only the rows that it deletes, so transactions that publish go on meanwhile. On
// SQLite, which has one writer at a time, they wait for one portion: after each
// Clean pauses for as long as it took. An end of ctx or an error leaves the rest of
// the rows to the next Clean. Several may run at once.
func (o *Outbox) Clean(ctx context.Context, age time.Duration) (int64, error) {
	n, err := o.clean(ctx, o.now().Add(-age).UnixMilli())
	if err != nil {
		return n, fmt.Errorf("outbox: clean table %s: %w", o.cfg.Table, o.hinted(err))
	}
	return n, nil
}

// clean deletes the rows from before a time in milliseconds.
func (o *Outbox) clean(ctx context.Context, before int64) (int64, error) {
	var cleaned int64
	for after := ""; ; {
		page, err := o.page(ctx, after, before)
		if err != nil {
			return cleaned, err
		}
		if len(page.old) > 0 {
			began := o.now()
			n, err := o.remove(ctx, page.old)
			cleaned += n
			if err != nil {
				return cleaned, err
			}
			if o.cfg.Dialect == SQLite {
				if err := pause(ctx, o.now().Sub(began)); err != nil {
					return cleaned, err
				}
			}
		}
		if page.rows < portion {
			return cleaned, nil
		}
		after = page.last
	}
}

// page is a portion of the table.
type page struct {
	rows int
	last string // the largest id
	old  []any  // the ids of old rows, as arguments
}

// page reads the rows that follow an id. Old are those from before a time in
// milliseconds.
func (o *Outbox) page(ctx context.Context, after string, before int64) (page, error) {
	var p page
	rows, err := o.db.QueryContext(ctx, o.sql.page, after)
	if err != nil {
		return p, err
	}
	defer rows.Close()
	for rows.Next() {
		var created int64
		if err := rows.Scan(&p.last, &created); err != nil {
			return p, err
		}
		p.rows++
		if created < before {
			p.old = append(p.old, p.last)
		}
	}
	return p, rows.Err()
}

// remove deletes rows and returns how many were there.
func (o *Outbox) remove(ctx context.Context, ids []any) (int64, error) {
	if o.cfg.Dialect == MySQL {
		return o.removeEach(ctx, ids)
	}
	query, args := o.cfg.Dialect.removeAll(o.cfg.Table, ids)
	result, err := o.db.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// removeEach is remove by one statement for each row. A list of ids may have InnoDB
// read a small table as a whole, which locks, and waits for, the rows of transactions
// that are running.
func (o *Outbox) removeEach(ctx context.Context, ids []any) (int64, error) {
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	statement, err := tx.PrepareContext(ctx, o.sql.remove)
	if err != nil {
		return 0, err
	}
	defer statement.Close()
	var removed int64
	for _, id := range ids {
		result, err := statement.ExecContext(ctx, id)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		removed += n
	}
	if err := tx.Commit(); err != nil {
		return 0, err
	}
	return removed, nil
}

// pause waits, unless the context ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

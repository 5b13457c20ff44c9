package outbox

import (
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Dialect names a database, for the little in which their SQL differs.
type Dialect string

// The dialects. See the package comment for which of them the tests run on.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgresql"
	MySQL      Dialect = "mysql"
)

func (d Dialect) known() bool { return d == SQLite || d == PostgreSQL || d == MySQL }

// statements are the SQL of an outbox.
type statements struct{ create, insert, find, page, remove string }

// portion is how many rows a statement names or reads at most. It is a power of two
// below the 999 parameters that a SQLite statement had at most before 3.32.
const portion = 512

// Rows are either of a committed database transaction or tombstones.
const (
	rowTombstone = 0
	rowPublished = 1
)

func (d Dialect) statements(table string) statements {
	engine := ""
	if d == MySQL {
		engine = " ENGINE=InnoDB" // others may have no transactions
	}
	return statements{
		create: "CREATE TABLE IF NOT EXISTS " + table +
			" (id VARCHAR(64) NOT NULL PRIMARY KEY, published SMALLINT NOT NULL, created_ms BIGINT NOT NULL)" + engine,
		insert: d.bind("INSERT INTO " + table + " (id, published, created_ms) VALUES (?, ?, ?)"),
		find:   d.bind("SELECT published FROM " + table + " WHERE id = ?"),
		remove: d.bind("DELETE FROM " + table + " WHERE id = ?"),
		page:   d.bind(fmt.Sprintf("SELECT id, created_ms FROM %s WHERE id > ? ORDER BY id LIMIT %d", table, portion)),
	}
}

// kept looks for the rows of published messages among the ids.
func (d Dialect) kept(table string, ids []any) (string, []any) {
	return d.among(fmt.Sprintf("SELECT id FROM %s WHERE published = %d AND id IN ", table, rowPublished), ids)
}

// removeAll deletes the rows with the ids.
func (d Dialect) removeAll(table string, ids []any) (string, []any) {
	return d.among("DELETE FROM "+table+" WHERE id IN ", ids)
}

// among ends a statement with a list of ids, one at least, and returns the
// arguments for it. The last id fills the list up to a power of two: drivers that
// keep prepared statements by their text then keep ten of them and not 512.
func (d Dialect) among(query string, ids []any) (string, []any) {
	n := 1 << bits.Len(uint(len(ids)-1))
	args := slices.Concat(ids, slices.Repeat(ids[len(ids)-1:], n-len(ids)))
	return d.bind(query + "(?" + strings.Repeat(", ?", n-1) + ")"), args
}

// bind gives the placeholders the dialect's form. There are no question marks but
// these: a table name has none.
func (d Dialect) bind(query string) string {
	if d != PostgreSQL {
		return query
	}
	var bound strings.Builder
	n := 0
	for _, r := range query {
		if r != '?' {
			bound.WriteRune(r)
			continue
		}
		n++
		bound.WriteString("$" + strconv.Itoa(n))
	}
	return bound.String()
}

// isMissingTable reports whether err says that the database has no such table. It
// goes by the words of SQLite, PostgreSQL and MySQL, since drivers have no type in
// common.
func isMissingTable(err error, table string) bool {
	said := err.Error()
	return strings.Contains(said, table) &&
		(strings.Contains(said, "no such table") || strings.Contains(said, "does not exist") || strings.Contains(said, "doesn't exist"))
}

// tablePattern is a name that needs no quotes, with a schema or without.
var tablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$`)

// checkTable keeps SQL out of table names.
func checkTable(name string) error {
	if !tablePattern.MatchString(name) {
		return fmt.Errorf("table name %q is not letters, digits and _, with a schema before a dot or without", name)
	}
	return nil
}

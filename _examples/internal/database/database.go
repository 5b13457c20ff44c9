// Package database starts database servers for examples and their tests, from the
// programs that are installed on the machine.
package database

import (
	"context"
	"errors"
)

// ErrMissing is returned where a server is not installed, or is not started on this
// system.
var ErrMissing = errors.New("database: the server is not installed")

// Database is a database on a server.
type Database struct {
	// Driver and Source are for sql.Open. The source of PostgreSQL is also for pgx.
	Driver, Source string

	server *Server // nil where somebody else has started it
}

// PostgreSQL returns the PostgreSQL database with the connection string. Without one it
// starts a server that has a fresh one, and that Close ends.
func PostgreSQL(ctx context.Context, source string) (*Database, error) {
	if source != "" {
		return &Database{Driver: "pgx", Source: source}, nil
	}
	server, err := StartPostgreSQL(ctx)
	if err != nil {
		return nil, err
	}
	d, err := server.Create(ctx, "example")
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	d.server = server
	return &d, nil
}

// Close ends the server if PostgreSQL has started it.
func (d *Database) Close() error {
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}

//go:build !linux

package database

import (
	"context"
	"fmt"
)

// errLinux is returned in place of a server.
var errLinux = fmt.Errorf("%w: servers are started on Linux only", ErrMissing)

// FindPostgreSQL returns ErrMissing.
func FindPostgreSQL() (string, error) { return "", errLinux }

// Server is not to be had.
type Server struct{}

// StartPostgreSQL returns ErrMissing.
func StartPostgreSQL(context.Context) (*Server, error) { return nil, errLinux }

// StartMariaDB returns ErrMissing.
func StartMariaDB(context.Context) (*Server, error) { return nil, errLinux }

// Create is never called.
func (*Server) Create(context.Context, string) (Database, error) { return Database{}, errLinux }

// Close is never called.
func (*Server) Close() error { return nil }

package main

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"

	databases "github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/database"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
)

func startPostgreSQL(t *testing.T) func(t *testing.T) database {
	return fresh(t, databases.StartPostgreSQL, outbox.PostgreSQL)
}

func startMariaDB(t *testing.T) func(t *testing.T) database {
	return fresh(t, databases.StartMariaDB, outbox.MySQL)
}

// fresh starts a server, which ends with the test, and makes databases. Where it is not
// installed the test is skipped, or fails where REQUIRE_DATABASES=1 says that it has to
// run.
func fresh(t *testing.T, start func(context.Context) (*databases.Server, error), dialect outbox.Dialect) func(t *testing.T) database {
	t.Helper()
	if testing.Short() {
		t.Skip("real databases do not run with -short")
	}
	server, err := start(t.Context())
	if errors.Is(err, databases.ErrMissing) && os.Getenv("REQUIRE_DATABASES") != "1" {
		t.Skip("IS NOT TESTED: ", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, server.Close()) })
	n := 0
	return func(t *testing.T) database {
		t.Helper()
		n++
		d, err := server.Create(t.Context(), "shop"+strconv.Itoa(n))
		must(t, err)
		return database{d.Driver, d.Source, dialect}
	}
}

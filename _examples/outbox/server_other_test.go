//go:build !linux

package main

import (
	"os"
	"testing"
)

func startPostgreSQL(t *testing.T) func(t *testing.T) database { return notHere(t) }
func startMariaDB(t *testing.T) func(t *testing.T) database    { return notHere(t) }

// notHere skips the test, or fails where REQUIRE_DATABASES=1 says that it has to
// run.
func notHere(t *testing.T) func(t *testing.T) database {
	t.Helper()
	const line = "database servers are started on Linux only"
	if os.Getenv("REQUIRE_DATABASES") == "1" {
		t.Fatal(line)
	}
	t.Skip(line)
	return nil
}

package realbroker

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
)

// Versions returns the RocketMQ versions that the tests of this module run on:
// the newest, and the last of the 4.x line whose jars are complete.
func Versions() []string {
	return []string{"5.5.0", "4.9.7"}
}

// Available returns nil where this machine can run RocketMQ, or an error that
// says what is missing.
func Available() error {
	err := missingTools()
	if err == nil {
		return nil
	}
	return fmt.Errorf("RocketMQ needs Java 11 or later (a JDK) and Maven: %w", err)
}

// missingTools looks for the programs once per process: running java takes a
// moment, and the answer does not change.
var missingTools = sync.OnceValue(func() error {
	for _, name := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(name); err != nil {
			return err
		}
	}
	// Java 8 does not know --version, and on macOS a java without a Java behind
	// it is on the path of every machine.
	if out, err := exec.Command("java", "--version").CombinedOutput(); err != nil {
		return fmt.Errorf("java --version: %w: %s", err, out)
	}
	return nil
})

// Require skips the test when this machine cannot run RocketMQ. With
// REQUIRE_ROCKETMQ=1 in the environment, as on a build server, the test fails
// instead. Without -v nobody hears of a skipped test, so whoever runs all tests
// says so before (make test does). With -short it is skipped in any case.
func Require(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("real brokers do not run with -short")
	}
	err := Available()
	if err == nil {
		return
	}
	line := fmt.Sprintf("REAL BROKER TESTS DO NOT RUN: %v", err)
	if os.Getenv("REQUIRE_ROCKETMQ") == "1" {
		t.Fatal(line)
	}
	t.Skip(line)
}

// Full reports whether the whole matrix is to be tested, with TEST_FULL=1 in the
// environment: all versions, and faults at full length. It takes an hour more.
func Full() bool { return os.Getenv("TEST_FULL") == "1" }

// RequireVersion skips the test unless it runs on one of Versions, or Full. It is for tests
// whose versions in between differ in little.
func RequireVersion(t testing.TB, version string) {
	t.Helper()
	if !slices.Contains(Versions(), version) {
		RequireFull(t)
	}
}

// RequireFull skips the test unless Full.
func RequireFull(t testing.TB) {
	t.Helper()
	if !Full() {
		t.Skip("part of make test_full")
	}
}

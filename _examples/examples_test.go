// Package examples has the tests that build the examples and run them, as a reader
// would, on the embedded broker and on a real one.
package examples

import (
	"bytes"
	"context"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/database"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// patience is how long an example may take on a crowded machine.
const patience = 3 * time.Minute

// real has one real broker for all examples.
var real realbroker.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	if err := real.Close(); err != nil {
		log.Print(err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// example is how a program is run.
type example struct {
	args []string // beside -nameserver
	// database is whether the program starts a PostgreSQL.
	database bool
	// elsewhere are arguments with which it needs no RocketMQ.
	elsewhere [][]string
}

// examples by the names of their folders. What they print is in their documentation.
var examples = map[string]example{
	"brokerswap":   {args: []string{"-broker", "rocketmq"}, elsewhere: [][]string{{"-broker", "kafka"}, {"-broker", "gochannel"}}},
	"cqrs":         {},
	"delay":        {},
	"delayonerror": {},
	"fanin":        {},
	"fanout":       {},
	"forwarder":    {database: true},
	"metrics":      {},
	"middleware":   {},
	"outboxpgx":    {database: true},
	"requestreply": {},
	"requeuer":     {},
	"shutdown":     {},
}

// others are programs whose output differs each time, and which have tests of their own.
var others = []string{
	"outbox",     // kills itself
	"quickstart", // prints addresses and ids
	"usage",      // the program of the README, for a cluster that is there
}

func TestExamples(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", append(append([]string{"build"}, race...), "-o", dir, "./...")...)
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	for name, example := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if example.database {
				requirePostgreSQL(t)
			}
			want := printed(t, name)
			program := filepath.Join(dir, name)
			want.check(t, output(t, program, example.args...))
			for _, args := range example.elsewhere {
				want.check(t, output(t, program, args...))
			}
		})
		t.Run(name+" on a real broker", func(t *testing.T) {
			t.Parallel()
			if example.database {
				requirePostgreSQL(t)
			}
			cluster := real.Cluster(t, "5.5.0")
			args := append([]string{"-nameserver", cluster.NameServers()[0]}, example.args...)
			printed(t, name).check(t, output(t, filepath.Join(dir, name), args...))
		})
	}
}

// requirePostgreSQL skips the test where PostgreSQL is not installed. It fails there with
// REQUIRE_DATABASES=1.
func requirePostgreSQL(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("real databases do not run with -short")
	}
	if _, err := database.FindPostgreSQL(); err != nil {
		if os.Getenv("REQUIRE_DATABASES") == "1" {
			t.Fatal(err)
		}
		t.Skip("IS NOT TESTED: ", err)
	}
}

// output runs a program, which has to end well, and returns the lines that it prints.
func output(t *testing.T, program string, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	// A dump of goroutines tells what it waits for.
	cmd.Cancel = func() error { return cmd.Process.Signal(quit) }
	cmd.WaitDelay = 10 * time.Second
	var said, logged bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &logged
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v, printed:\n%s\nlogged:\n%s", err, &said, &logged)
	}
	if t.Failed() || testing.Verbose() {
		t.Logf("logged:\n%s", &logged)
	}
	return strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n")
}

// expectation is what the documentation of an example says that it prints.
type expectation struct {
	lines    []string
	anyOrder bool
}

// The headings of what an example prints. In its lines N is any number.
const (
	inOrder  = "It prints:"
	anyOrder = "It prints, in any order:"
)

// printed reads the documentation of an example.
func printed(t *testing.T, name string) expectation {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(name, "main.go"), nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	doc := file.Doc.Text()
	if !strings.Contains(doc, "\tgo run -C _examples ./"+name) {
		t.Errorf("the documentation of %s does not say how to run it", name)
	}
	e := expectation{}
	_, block, ok := strings.Cut(doc, "\n"+inOrder+"\n\n")
	if !ok {
		e.anyOrder = true
		if _, block, ok = strings.Cut(doc, "\n"+anyOrder+"\n\n"); !ok {
			t.Fatalf("the documentation of %s does not say what it prints", name)
		}
	}
	for line := range strings.Lines(block) {
		line, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "\t")
		if !ok {
			break
		}
		e.lines = append(e.lines, line)
	}
	return e
}

var number = regexp.MustCompile(`\bN\b`)

func (e expectation) check(t *testing.T, got []string) {
	t.Helper()
	left := slices.Clone(got)
	for i, want := range e.lines {
		pattern := regexp.MustCompile("^" + number.ReplaceAllString(regexp.QuoteMeta(want), `\d+`) + "$")
		at := slices.IndexFunc(left, pattern.MatchString)
		if at < 0 || !e.anyOrder && at > 0 {
			t.Fatalf("line %d, %q, is missing; printed:\n%s", i+1, want, strings.Join(got, "\n"))
		}
		left = slices.Delete(left, at, at+1)
	}
	if len(left) > 0 {
		t.Fatalf("more than is documented; printed:\n%s", strings.Join(got, "\n"))
	}
}

// Every example is run, and listed in the README.
func TestEveryExampleIsRun(t *testing.T) {
	found, err := filepath.Glob("*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		name := filepath.Dir(file)
		if _, ok := examples[name]; !ok && !slices.Contains(others, name) {
			t.Errorf("%s is not run", name)
		}
		if !strings.Contains(string(readme), "| ["+name+"]("+name+"/main.go) |") {
			t.Errorf("%s is not in README.md", name)
		}
	}
	if want := len(examples) + len(others); len(found) != want {
		t.Errorf("%d examples, %d are named in this test", len(found), want)
	}
}

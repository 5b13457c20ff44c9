// Package examples has the tests that build the examples and run them, as a reader
// would, on the embedded broker and on a real one.
package examples

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/database"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/tries"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
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
	"request":      {},
	"requestreply": {},
	"requeuer":     {},
	"shutdown":     {},
}

// others are programs whose output differs each time, and which have tests of their own.
var others = []string{
	"outbox",     // kills itself
	"quickstart", // prints addresses and ids
	"usage",      // the program of the README, which must equal it
}

func TestExamples(t *testing.T) {
	dir := t.TempDir()
	args := append([]string{"build", "-ldflags=-s -w", "-o", dir}, race...) // what nobody debugs is linked sooner
	for name := range examples {
		args = append(args, "./"+name)
	}
	build := exec.CommandContext(t.Context(), "go", args...)
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	for name, example := range examples {
		t.Run(name, func(t *testing.T) {
			if example.database {
				requirePostgreSQL(t)
			}
			t.Parallel()
			want := printed(t, name)
			for _, args := range append([][]string{example.args}, example.elsewhere...) {
				tries.Thrice(t, func() error { return want.run(t, filepath.Join(dir, name), args...) })
			}
			requireNameServerIsUsed(t, want, name, filepath.Join(dir, name), example.args)
		})
	}
	t.Run("real broker", func(t *testing.T) {
		cluster := real.Cluster(t, "5.5.0")
		pulse := startPulse(t, cluster.NameServers()[0])
		for name, example := range examples {
			t.Run(name, func(t *testing.T) {
				if example.database {
					requirePostgreSQL(t)
				}
				want := printed(t, name)
				// A broker that answers late may have stored a message twice, and the
				// documentation speaks of other times. Where the program alone stands still
				// the pulse knows nothing of it, so each has a second try.
				for try := 1; ; try++ {
					began := time.Now()
					args := append([]string{"-nameserver", cluster.NameServers()[0], "-namespace", "try" + strconv.Itoa(try)}, example.args...)
					err := want.run(t, filepath.Join(dir, name), args...)
					if err == nil {
						return
					}
					late := pulse.longestSince(began)
					if late < time.Second && (try > 1 || errors.Is(err, tries.ErrHangs)) || try == 5 {
						t.Fatalf("%v\nAt most %v passed without an answer of the broker to others.", err, late)
					}
					t.Logf("%v\nAgain. The broker was silent for %v.", err, late)
				}
			})
		}
	})
}

// requireNameServerIsUsed requires that a program prints the same with -nameserver and
// -namespace, and publishes to the cluster and in the namespace that these name.
func requireNameServerIsUsed(t *testing.T, want expectation, name, program string, args []string) {
	t.Helper()
	tries.Thrice(t, func() error { return useNameServer(t, want, name, program, args) })
}

func useNameServer(t *testing.T, want expectation, name, program string, args []string) error {
	t.Helper()
	cluster, err := embedded.Start()
	if err != nil {
		return err
	}
	defer cluster.Close()
	var published atomic.Bool
	defer cluster.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send != nil && strings.HasPrefix(r.Send.Topic, "shop%"+name+"-") {
			published.Store(true)
		}
		return embedded.Fault{}
	})()
	if err := want.run(t, program, append([]string{"-nameserver", cluster.NameServers()[0], "-namespace", "shop"}, args...)...); err != nil {
		return err
	}
	if !published.Load() {
		return errors.New("it publishes nothing to the cluster of -nameserver")
	}
	return nil
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

// run runs a program, which has to end well and to print what is expected.
func (e expectation) run(t *testing.T, program string, args ...string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	// A dump of goroutines tells what it waits for.
	cmd.Cancel = func() error { return cmd.Process.Signal(quit) }
	cmd.WaitDelay = 10 * time.Second
	var said, logged bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &logged
	err := cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = errors.Join(tries.ErrHangs, err)
	}
	if err == nil {
		err = e.check(strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n"))
	}
	if err != nil {
		return fmt.Errorf("%s: %w, printed:\n%s\nlogged:\n%s", cmd, err, &said, &logged)
	}
	t.Logf("%s, logged:\n%s", cmd, &logged)
	return nil
}

// check compares lines with what is expected.
func (e expectation) check(got []string) error {
	left := slices.Clone(got)
	for _, want := range e.lines {
		pattern := regexp.MustCompile("^" + number.ReplaceAllString(regexp.QuoteMeta(want), `\d+`) + "$")
		at := slices.IndexFunc(left, pattern.MatchString)
		if at < 0 || !e.anyOrder && at > 0 {
			return fmt.Errorf("%q is not printed, or not in order", want)
		}
		left = slices.Delete(left, at, at+1)
	}
	if len(left) > 0 {
		return fmt.Errorf("%q is not documented", left)
	}
	return nil
}

// The comparison can fail.
func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		expectation
		got []string
		ok  bool
	}{
		"same":        {expectation{[]string{"a", "b N"}, false}, []string{"a", "b 12"}, true},
		"any order":   {expectation{[]string{"a", "b"}, true}, []string{"b", "a"}, true},
		"order":       {expectation{[]string{"a", "b"}, false}, []string{"b", "a"}, false},
		"too few":     {expectation{[]string{"a", "b"}, true}, []string{"a"}, false},
		"too many":    {expectation{[]string{"a"}, true}, []string{"a", "a"}, false},
		"no number":   {expectation{[]string{"b N"}, false}, []string{"b x"}, false},
		"more in one": {expectation{[]string{"a"}, false}, []string{"a b"}, false},
	} {
		if err := test.check(test.got); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
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

// Road prints the functions that one uneventful Publish runs through, in their order,
// and counts the calls and how often the next one is in another file. It writes a copy of
// the module in which each function says that it was entered, and has a program publish
// there, to a broker that answers at once. What counts is the goroutine that publishes,
// which takes a lone message all the way. Functions that the compiler puts into their
// callers are no calls.
//
//	go run -C tools ./road [-v] [module folder]
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	verbose := flag.Bool("v", false, "print each call")
	flag.Parse()
	if err := run(cmp.Or(flag.Arg(0), ".."), *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "road:", err)
		os.Exit(1)
	}
}

// passedBy are the folders whose functions do not count: the other end of the wire, what
// is no part of the library, and what is only for tests.
var passedBy = []string{"embedded", "benchmarks", "otel", "tools", "_examples", "internal/nullbroker", "internal/realbroker", "internal/testcert"}

func run(module string, verbose bool) (err error) {
	copied, err := os.MkdirTemp("", "road")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copied)) }()
	if err := os.CopyFS(copied, os.DirFS(module)); err != nil {
		return err
	}
	path, err := modulePath(copied)
	if err != nil {
		return err
	}
	inlined, err := inlinedFunctions(module, path)
	if err != nil {
		return err
	}
	if err := filepath.WalkDir(copied, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		name, err := filepath.Rel(copied, file)
		if err != nil || slices.ContainsFunc(passedBy, func(dir string) bool { return strings.HasPrefix(name, dir+"/") }) {
			return err
		}
		return mark(file, name, path)
	}); err != nil {
		return err
	}
	for name, text := range map[string]string{"internal/road/road.go": recorder, "internal/road/drive/main.go": driver} {
		file := filepath.Join(copied, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "MODULE", path)), 0o600); err != nil {
			return err
		}
	}
	cmd := exec.Command("go", "run", "./internal/road/drive")
	cmd.Dir, cmd.Stderr = copied, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	calls := strings.Split(strings.TrimSpace(string(out)), "\n")
	tell(slices.DeleteFunc(calls, func(call string) bool { return inlined[call] }), verbose)
	return nil
}

// inlinable is what the compiler says of a function that it puts into its callers: file,
// place, and name with receiver.
var inlinable = regexp.MustCompile(`(?m)^(?:\./)?(\S+?\.go):\d+:\d+: can inline (?:\(\*?(\w+)(?:\[.*\])?\)|(\w+))(\.\w+)?(?:\[.*\])?$`)

// inlinedFunctions returns the functions that are no calls, named as in the recording.
func inlinedFunctions(module, path string) (map[string]bool, error) {
	cmd := exec.Command("go", "build", "-gcflags="+path+"/...=-m", "./...")
	cmd.Dir = module
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	inlined := make(map[string]bool)
	for _, m := range inlinable.FindAllStringSubmatch(string(out), -1) {
		inlined[m[1]+"\t"+m[2]+m[3]+m[4]] = true
	}
	return inlined, nil
}

func modulePath(dir string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	return strings.TrimPrefix(line, "module "), nil
}

// mark has each function of a file say that it was entered.
func mark(file, name, path string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	type insert struct {
		at   int
		text string
	}
	inserts := []insert{{set.Position(parsed.Name.End()).Offset, fmt.Sprintf("; import _road %q", path+"/internal/road")}}
	for _, decl := range parsed.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Body != nil {
			inserts = append(inserts, insert{set.Position(f.Body.Lbrace).Offset + 1, fmt.Sprintf(" _road.Enter(%q); ", name+"\t"+nameOf(f))})
		}
	}
	if len(inserts) == 1 {
		return nil
	}
	var marked strings.Builder
	at := 0
	for _, i := range inserts {
		marked.Write(text[at:i.at])
		marked.WriteString(i.text)
		at = i.at
	}
	marked.Write(text[at:])
	return os.WriteFile(file, []byte(marked.String()), 0o600)
}

// nameOf is the name of a function with that of its receiver.
func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return fmt.Sprintf("%s.%s", receiver, f.Name.Name)
}

// tell prints what the calls come to. A call is a line with its file and function.
func tell(calls []string, verbose bool) {
	files := make(map[string]bool)
	changes, before := 0, ""
	for _, call := range calls {
		file, function, _ := strings.Cut(call, "\t")
		if verbose {
			fmt.Printf("%-45s %s\n", file, function)
		}
		if file != before {
			changes++
		}
		before, files[file] = file, true
	}
	fmt.Printf("%d calls, %d changes of file, %d files\n", len(calls), changes-1, len(files))
}

const recorder = `package road

import (
	"bytes"
	"runtime"
	"sync/atomic"
)

var (
	publisher atomic.Pointer[[]byte] // the goroutine whose calls are recorded
	calls     []string
)

func Enter(call string) {
	if g := publisher.Load(); g != nil && bytes.Equal(*g, goroutine()) {
		calls = append(calls, call)
	}
}

// goroutine is the name of the one that runs: a lone caller takes a message all the way.
func goroutine() []byte {
	name := make([]byte, 64)
	name, _, _ = bytes.Cut(name[:runtime.Stack(name, false)], []byte("["))
	return name
}

func Begin() {
	g := goroutine()
	publisher.Store(&g)
}

func End() []string {
	publisher.Store(nil)
	return calls
}
`

const driver = `package main

import (
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "MODULE"
	"MODULE/internal/nullbroker"
	"MODULE/internal/road"
	"MODULE/publisher"
)

func main() {
	broker, err := nullbroker.Start()
	check(err)
	p, err := publisher.New(publisher.Config{Cluster: rocketmq.Cluster{NameServers: []string{broker.Addr()}}}, nil)
	check(err)
	publish := func() { check(p.Publish("orders", message.NewMessage(watermill.NewUUID(), []byte("order")))) }
	for range 100 {
		publish()
	}
	road.Begin()
	publish()
	fmt.Println(strings.Join(road.End(), "\n"))
	check(p.Close())
	check(broker.Close())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
`

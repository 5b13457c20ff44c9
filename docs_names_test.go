package rocketmq_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// publicPackages are those that users import, by name, with their folders.
var publicPackages = map[string]string{
	"rocketmq": root, "publisher": "publisher", "subscriber": "subscriber", "embedded": "embedded", "control": "embedded/control",
	"marshaler": "marshaler", "topics": "topics", "check": "check", "routing": "routing",
	"transport": "transport", "headers": "headers", "outbox": "outbox", "requestreply": "requestreply",
	"otelrocketmq": "otel", "promrocketmq": "prometheus", // modules of their own
}

// dotted is a name of an exported thing in a package, and perhaps of what that has.
var dotted = regexp.MustCompile(`(?:^|[^\w./-])([a-z]+)((?:\.[A-Z]\w*)+)`)

// TestNames: what a document calls by the name of a public package, a dot and an exported
// name is there, with the fields and methods that are named behind it.
func TestNames(t *testing.T) {
	packages := make(map[string]*exports)
	for name, folder := range publicPackages {
		packages[name] = exportsOf(t, folder)
	}
	for _, document := range documents(t) {
		if document == "CHANGELOG.md" || strings.HasPrefix(document, "docs/releases/") {
			continue // they tell of what was
		}
		text := fenced.ReplaceAllString(readText(t, document), "")
		for _, quoted := range code.FindAllString(text, -1) {
			for _, m := range dotted.FindAllStringSubmatch(quoted, -1) {
				if _, ok := packages[m[1]]; ok {
					names := strings.Split(m[2][1:], ".")
					require.True(t, has(packages, m[1], names), "%s names %s%s", document, m[1], m[2])
				}
			}
		}
	}
}

// TestNamesInComments: the same is true of the comments in Go files, and so of GoDoc.
func TestNamesInComments(t *testing.T) {
	packages := make(map[string]*exports)
	for name, folder := range publicPackages {
		packages[name] = exportsOf(t, folder)
	}
	for _, folder := range publicPackages {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, group := range parsed.Comments {
				for _, m := range dotted.FindAllStringSubmatch(group.Text(), -1) {
					if _, ok := packages[m[1]]; ok {
						assert.True(t, has(packages, m[1], strings.Split(m[2][1:], ".")), "%s names %s%s", file, m[1], m[2])
					}
				}
			}
		}
	}
}

// guides are the documents for users, in which a name in backticks is one of this module
// unless elsewhere says that it is somebody else's.
var guides = []string{
	"README.md", "docs/control.md", "docs/features.md", "docs/guarantees.md", "docs/migrating.md", "docs/observability.md", "docs/production.md",
	"docs/testing.md", "docs/watermill.md", "docs/when-publish-fails.md",
}

// elsewhere are names of Watermill, of RocketMQ and of the standard library in the guides.
var elsewhere = []string{
	"Ack", "Nack", "DelayOnError", "PoisonQueue", "Recoverer", "Retry", "Throttle", "Timeout", "InstantAck", "Deduplicator",
	"DefaultMQPushConsumer", "ParentBased", "KEYS", "TAGS", "ServerName",
}

// undotted is a name in backticks that says nothing of a package.
var undotted = regexp.MustCompile(`^\*?([A-Z]\w*(?:\.[A-Z]\w*)*)$`)

// TestUndottedNames: what a guide calls by an exported name without a package is a setting of
// a publisher or subscriber, or a name of a public package. In the tables about other
// clients that is true of the right-hand side.
func TestUndottedNames(t *testing.T) {
	packages := make(map[string]*exports)
	for name, folder := range publicPackages {
		packages[name] = exportsOf(t, folder)
	}
	known := func(names []string) bool {
		for _, of := range [][2]string{
			{"publisher", "Config"},
			{"subscriber", "Config"},
			{"rocketmq", "Cluster"},
			{"publisher", "Publisher"},
			{"subscriber", "Subscriber"},
			{"promrocketmq", "Config"},
			{"promrocketmq", "Metrics"},
		} {
			if has(packages, of[0], append([]string{of[1]}, names...)) {
				return true
			}
		}
		return slices.ContainsFunc(slices.Collect(maps.Keys(packages)), func(in string) bool { return has(packages, in, names) })
	}
	for _, guide := range guides {
		for line := range strings.Lines(fenced.ReplaceAllString(readText(t, guide), "")) {
			if _, ours, ok := strings.Cut(line[min(1, len(line)):], " | "); ok && guide == "docs/migrating.md" {
				line = ours
			}
			for _, quoted := range code.FindAllString(line, -1) {
				m := undotted.FindStringSubmatch(strings.Trim(quoted, "`"))
				if m == nil || slices.Contains(elsewhere, m[1]) || strings.ToUpper(m[1]) == m[1] {
					continue
				}
				assert.True(t, known(strings.Split(m[1], ".")), "%s names %s", guide, m[1])
			}
		}
	}
}

// exports is what a package exports.
type exports struct {
	// declared are the names of package level, with their types where they are types.
	declared map[string]ast.Expr
	// methods are those of types, by name.
	methods map[string][]string
	// imports are the packages that a selector may name, by the name of the package.
	imports map[string]string
}

func exportsOf(t *testing.T, folder string) *exports {
	t.Helper()
	e := &exports{make(map[string]ast.Expr), make(map[string][]string), make(map[string]string)}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if ofModule(imported) != imported || imported == module {
				name := path.Base(imported)
				if imported == module {
					name = "rocketmq"
				}
				e.imports[name] = name
			}
		}
		for _, decl := range parsed.Decls {
			e.add(decl)
		}
	}
	return e
}

func (e *exports) add(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			e.declared[d.Name.Name] = nil
			return
		}
		of := d.Recv.List[0].Type
		if star, ok := of.(*ast.StarExpr); ok {
			of = star.X
		}
		if name, ok := of.(*ast.Ident); ok {
			e.methods[name.Name] = append(e.methods[name.Name], d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				e.declared[s.Name.Name] = s.Type
			case *ast.ValueSpec:
				for _, name := range s.Names {
					e.declared[name.Name] = nil
				}
			}
		}
	}
}

// has reports whether a package declares the first name, and whether each further one is a
// field or a method of the one before it.
func has(packages map[string]*exports, in string, names []string) bool {
	p := packages[in]
	of, ok := p.declared[names[0]]
	if !ok || len(names) == 1 {
		return ok
	}
	next := names[1]
	if slices.Contains(p.methods[names[0]], next) {
		return len(names) == 2
	}
	switch of := of.(type) {
	case *ast.InterfaceType:
		return len(names) == 2 && slices.ContainsFunc(of.Methods.List, func(f *ast.Field) bool { return named(f, next) })
	case *ast.StructType:
		for _, field := range of.Fields.List {
			if named(field, next) {
				return len(names) == 2 || hasOfType(packages, in, field.Type, names[2:])
			}
			if len(field.Names) == 0 && hasOfType(packages, in, field.Type, names[1:]) {
				return true
			}
		}
	}
	return false
}

func named(field *ast.Field, name string) bool {
	return slices.ContainsFunc(field.Names, func(n *ast.Ident) bool { return n.Name == name })
}

// hasOfType is has for the fields and methods of a type as a package writes it.
func hasOfType(packages map[string]*exports, in string, of ast.Expr, names []string) bool {
	switch of := of.(type) {
	case *ast.StarExpr:
		return hasOfType(packages, in, of.X, names)
	case *ast.ArrayType:
		return hasOfType(packages, in, of.Elt, names)
	case *ast.Ident:
		return has(packages, in, append([]string{of.Name}, names...))
	case *ast.SelectorExpr:
		if x, ok := of.X.(*ast.Ident); ok && packages[packages[in].imports[x.Name]] != nil {
			return has(packages, x.Name, append([]string{of.Sel.Name}, names...))
		}
	}
	return false
}

func TestNamesFindsWhatIsThere(t *testing.T) {
	packages := make(map[string]*exports)
	for name, folder := range publicPackages {
		packages[name] = exportsOf(t, folder)
	}
	for name, want := range map[string]bool{
		"publisher.Config": true, "publisher.Config.Cluster.NameServers": true, "publisher.Config.Transaction.Check": true,
		"publisher.Publisher.Publish": true, "publisher.ErrClosed": true, "marshaler.TopicMapper.MapTopic": true,
		"publisher.CheckedMessage.Topic": true, // of an embedded struct
		"publisher.Nothing":              false, "publisher.Config.Nothing": false, "publisher.Config.Cluster.Nothing": false,
		"publisher.ErrClosed.Error": false,
	} {
		parts := strings.Split(name, ".")
		require.Equal(t, want, has(packages, parts[0], parts[1:]), name)
	}
}

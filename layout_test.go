// This file holds the rules that no compiler checks: which package may import which,
// how long a package may be, which modules the library depends on, and that the map of
// all files is whole.

package rocketmq_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/watermill-rocketmq/watermill-rocketmq"

// root is package rocketmq, in the folder of the module.
const root = "."

const (
	watermill = "github.com/ThreeDotsLabs/watermill"
	uuid      = "github.com/google/uuid"
	lz4       = "github.com/pierrec/lz4/v4"
	compress  = "github.com/klauspost/compress"
	testify   = "github.com/stretchr/testify"
)

// allowed says what each package may import beside the standard library, in its
// code; tests may import more. It is the table of docs/decisions/0001-layers.md.
var allowed = map[string]struct{ packages, modules []string }{
	root:                                   {[]string{"headers", "internal/faults", "internal/session", "routing", "transport"}, []string{watermill}},
	"headers":                              {},
	"internal/body":                        {[]string{"headers"}, []string{compress, lz4}},
	"internal/ctxerr":                      {},
	"internal/verdict":                     {[]string{root, "headers", "transport", "routing"}, nil},
	"publisher/internal/dispatch":          {[]string{"internal/ctxerr", "internal/verdict", "publisher/internal/chain", "routing"}, nil},
	"internal/fanout":                      {},
	"internal/faults":                      {},
	"internal/lent":                        {[]string{root, "internal/faults"}, []string{watermill}},
	"internal/messageid":                   {nil, []string{uuid}},
	"publisher/internal/chain":             {},
	"publisher/internal/gathered":          {[]string{"headers", "publisher/internal/dispatch"}, nil},
	"publisher/internal/lasting":           {},
	"publisher/internal/latest":            {},
	"publisher/internal/told":              {},
	"publisher/internal/gate":              {[]string{"publisher/internal/chain"}, nil},
	"publisher/internal/failed":            {[]string{"internal/ctxerr", "marshaler"}, []string{watermill}},
	"internal/trace":                       {[]string{"headers", "internal/topicname", "marshaler"}, []string{watermill}},
	"internal/loglimit":                    {},
	"internal/session":                     {[]string{"headers", "internal/ctxerr", "internal/fanout", "internal/loglimit", "routing", "transport"}, []string{watermill, uuid}},
	"internal/pool":                        {},
	"internal/nullbroker":                  {[]string{"headers"}, nil},
	"transport":                            {[]string{"headers", "internal/ctxerr", "internal/pool"}, nil},
	"routing":                              {[]string{"headers", "internal/ctxerr"}, nil},
	"marshaler":                            {[]string{"headers", "internal/body"}, []string{watermill}},
	"internal/topicname":                   {[]string{"headers", "internal/faults", "marshaler"}, nil},
	"internal/hooks":                       {},
	"internal/tracelog":                    {nil, []string{watermill}},
	"internal/receive":                     {[]string{"headers", "internal/body", "marshaler"}, []string{watermill}},
	"embedded/control":                     {[]string{"embedded", "headers", "marshaler"}, []string{watermill}},
	"embedded/internal/view":               {[]string{"embedded/internal/keys", "embedded/internal/offsets", "embedded/internal/queues", "headers", "internal/body", "marshaler"}, nil},
	"embedded/internal/versions":           {[]string{"headers"}, nil},
	"embedded/internal/fields":             {[]string{"headers"}, nil},
	"embedded/internal/info":               {[]string{"embedded/internal/access", "embedded/internal/counts", "headers"}, nil},
	"embedded/internal/messages":           {[]string{"embedded/internal/filters", "embedded/internal/queues", "embedded/internal/store", "internal/body"}, nil},
	"embedded/internal/keeper":             {[]string{"embedded/internal/offsets", "embedded/internal/queues", "embedded/internal/store", "headers"}, nil},
	"embedded/internal/store":              {[]string{"embedded/internal/delays", "embedded/internal/keys", "embedded/internal/offsets", "embedded/internal/queues", "embedded/internal/store/checkpoint", "embedded/internal/store/commitlog", "embedded/internal/store/consumequeue", "embedded/internal/store/folder", "embedded/internal/store/index", "embedded/internal/store/memlog", "embedded/internal/store/settings", "embedded/internal/tags", "headers", "internal/body"}, nil},
	"embedded/internal/store/commitlog":    {[]string{"internal/body"}, nil},
	"embedded/internal/store/memlog":       {},
	"embedded/internal/store/consumequeue": {},
	"embedded/internal/store/index":        {},
	"embedded/internal/keys":               {[]string{"headers", "internal/body"}, nil},
	"embedded/internal/store/checkpoint":   {},
	"embedded/internal/store/folder":       {},
	"embedded/internal/store/settings":     {[]string{"embedded/internal/offsets", "embedded/internal/store/folder", "headers"}, nil},
	"embedded/internal/memnet":             {},
	"embedded/internal/clock":              {},
	"embedded/internal/properties":         {[]string{"headers"}, nil},
	"embedded/internal/admin":              {[]string{"headers"}, nil},
	"embedded/internal/counts":             {},
	"embedded/internal/kvconfig":           {[]string{"headers"}, nil},
	"embedded/internal/sends":              {[]string{"embedded/internal/fields", "embedded/internal/messages", "embedded/internal/properties", "embedded/internal/tags", "headers", "internal/body"}, nil},
	"embedded/internal/watch":              {},
	"embedded/internal/backlog":            {[]string{"headers"}, nil},
	"embedded/internal/intercept":          {},
	"embedded/internal/filters":            {[]string{"embedded/internal/properties", "embedded/internal/sql92", "embedded/internal/tags", "headers", "internal/body"}, nil},
	"embedded/internal/sql92":              {},
	"embedded/internal/tags":               {[]string{"headers"}, nil},
	"embedded/internal/access":             {[]string{"headers"}, nil},
	"embedded/internal/addresses":          {},
	"embedded/internal/attributes":         {[]string{"headers"}, nil},
	"embedded/internal/sockets":            {[]string{"embedded/internal/memnet", "headers"}, nil},
	"embedded/internal/transactions":       {[]string{"embedded/internal/properties", "headers", "internal/body"}, nil},
	"embedded/internal/offsets":            {},
	"embedded/internal/groups":             {[]string{"embedded/internal/filters", "embedded/internal/tags", "headers"}, nil},
	"embedded/internal/delays":             {[]string{"embedded/internal/properties", "headers", "internal/body"}, nil},
	"embedded/internal/locks":              {[]string{"embedded/internal/offsets"}, nil},
	"embedded/internal/routes":             {},
	"embedded/internal/names":              {[]string{"headers"}, nil},
	"embedded/internal/queues":             {[]string{"embedded/internal/filters", "headers", "internal/body"}, nil},
	"embedded/internal/pop":                {[]string{"embedded/internal/filters", "embedded/internal/offsets", "embedded/internal/properties", "embedded/internal/tags", "embedded/internal/versions", "headers", "internal/body"}, nil},
	"embedded":                             {[]string{"embedded/internal/access", "embedded/internal/addresses", "embedded/internal/admin", "embedded/internal/attributes", "embedded/internal/backlog", "embedded/internal/clock", "embedded/internal/counts", "embedded/internal/delays", "embedded/internal/fields", "embedded/internal/filters", "embedded/internal/groups", "embedded/internal/info", "embedded/internal/intercept", "embedded/internal/keeper", "embedded/internal/keys", "embedded/internal/kvconfig", "embedded/internal/locks", "embedded/internal/memnet", "embedded/internal/messages", "embedded/internal/names", "embedded/internal/offsets", "embedded/internal/pop", "embedded/internal/producers", "embedded/internal/properties", "embedded/internal/queues", "embedded/internal/replies", "embedded/internal/routes", "embedded/internal/sends", "embedded/internal/sockets", "embedded/internal/store", "embedded/internal/store/commitlog", "embedded/internal/store/consumequeue", "embedded/internal/store/folder", "embedded/internal/store/settings", "embedded/internal/tags", "embedded/internal/transactions", "embedded/internal/versions", "embedded/internal/view", "embedded/internal/watch", root, "headers", "internal/body", "marshaler"}, []string{watermill}},
	"publisher":                            {[]string{"publisher/internal/dispatch", "publisher/internal/failed", "publisher/internal/gate", "publisher/internal/gathered", "publisher/internal/lasting", "publisher/internal/latest", "publisher/internal/told", "internal/faults", "internal/messageid", "internal/verdict", "internal/preflight", "internal/topicadmin", "check", "topics", root, "headers", "internal/body", "internal/ctxerr", "internal/hooks", "internal/lent", "internal/loglimit", "internal/receive", "internal/session", "internal/topicname", "internal/trace", "internal/tracelog", "transport", "routing", "marshaler"}, []string{watermill}},
	"check":                                {},
	"subscriber/internal/delivery":         {[]string{"internal/receive"}, []string{watermill}},
	"subscriber/internal/engine":           {[]string{"headers", "internal/session", "internal/verdict", "routing", "subscriber/internal/delivery", "transport"}, []string{watermill}},
	"subscriber/internal/pull":             {[]string{"headers", "internal/fanout", "internal/loglimit", "internal/receive", "internal/session", "routing", "subscriber/internal/delivery", "subscriber/internal/engine", "transport"}, []string{watermill}},
	"subscriber/internal/pop":              {[]string{"headers", "internal/fanout", "internal/loglimit", "internal/receive", "internal/session", "internal/verdict", "routing", "subscriber/internal/delivery", "subscriber/internal/engine", "transport"}, []string{watermill}},
	"subscriber":                           {[]string{root, "check", "headers", "internal/body", "internal/fanout", "internal/faults", "internal/hooks", "internal/lent", "internal/loglimit", "internal/preflight", "internal/receive", "internal/session", "internal/topicadmin", "internal/topicname", "internal/tracelog", "internal/verdict", "marshaler", "routing", "subscriber/internal/delivery", "subscriber/internal/engine", "subscriber/internal/pop", "subscriber/internal/pull", "topics", "transport"}, []string{watermill}},
	"internal/preflight":                   {[]string{root, "check", "headers", "internal/ctxerr", "internal/fanout", "internal/verdict", "routing", "topics", "transport"}, nil},
	"topics":                               {[]string{"internal/faults"}, nil},
	"internal/topicadmin":                  {[]string{root, "headers", "internal/ctxerr", "internal/fanout", "internal/verdict", "routing", "topics", "transport"}, []string{watermill}},
	"outbox":                               {[]string{"internal/fanout", "publisher"}, []string{watermill}},
	"internal/realbroker":                  {},
	"cmd/rocketmq-dev":                     {[]string{"embedded", "embedded/control", "headers"}, nil},
	"internal/realbroker/rocketmq":         {[]string{"internal/realbroker", "internal/testcert"}, nil},
	"internal/realbroker/restart":          {[]string{"internal/realbroker"}, nil},
	"internal/rounds":                      {},
	"internal/testcert":                    {},
	"embedded/internal/producers":          {[]string{"headers"}, nil},
	"embedded/internal/replies":            {[]string{"embedded/internal/properties", "headers"}, nil},
	"requestreply":                         {[]string{root, "headers", "internal/body", "internal/ctxerr", "internal/faults", "internal/lent", "internal/loglimit", "internal/messageid", "internal/receive", "internal/session", "internal/topicname", "marshaler", "publisher", "routing", "subscriber", "transport"}, []string{watermill}},
}

// ofModule is the name of a package of this module, as the rules have it.
func ofModule(path string) string {
	if path == module {
		return root
	}
	return strings.TrimPrefix(path, module+"/")
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := ofModule(fields[0])
		rule, ok := allowed[name]
		require.True(t, ok, "package %s has no rule: say in this test what it may import", name)
		for _, imported := range fields[1:] {
			if imported == module || strings.HasPrefix(imported, module+"/") {
				require.Contains(t, rule.packages, ofModule(imported), "package %s", name)
				continue
			}
			if !strings.Contains(imported, ".") {
				continue // standard library
			}
			require.True(t, slices.ContainsFunc(rule.modules, func(m string) bool {
				return imported == m || strings.HasPrefix(imported, m+"/")
			}), "package %s imports %s", name, imported)
		}
	}
}

// maxLines is how long a package may be without its tests: a reader has it in mind as a
// whole.
const maxLines = 6000

func TestPackageSizes(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{.Dir}}", "./...").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		name := ofModule(path)
		lines := linesIn(t, dir)
		require.LessOrEqual(t, lines, maxLines, "package %s: part of it can be a package of its own", name)
	}
}

// linesIn counts the lines of a package's files, whatever their build constraints,
// without its tests.
func linesIn(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	lines := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		lines += bytes.Count(text, []byte("\n"))
	}
	return lines
}

// architecture has a map of all files, by package.
const architecture = "docs/architecture.md"

var (
	// packageHeading begins the files of a package, whose folder it names.
	packageHeading = regexp.MustCompile("^### `([^`]+)`")
	// fileRow is the row of a file in a table.
	fileRow = regexp.MustCompile("^\\| `([^`]+\\.go)` \\|")
	// namedFile is a Go file anywhere in a text.
	namedFile = regexp.MustCompile("`([a-z0-9_/]+\\.go)`")
)

// TestFileMap: the section Files of architecture.md has each file that is no test, once
// and below the heading of its package, and no file that does not exist.
func TestFileMap(t *testing.T) {
	text, err := os.ReadFile(architecture)
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## Files\n")
	require.True(t, ok, "%s has no section Files", architecture)
	var mapped []string
	folder := ""
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "#") {
			folder = ""
		}
		if m := packageHeading.FindStringSubmatch(line); m != nil {
			folder = m[1]
		}
		if m := fileRow.FindStringSubmatch(line); m != nil {
			require.NotEmpty(t, folder, "%s is below the heading of no package", m[1])
			mapped = append(mapped, path.Join(folder, m[1]))
		}
	}
	slices.Sort(mapped)
	require.Equal(t, slices.Compact(slices.Clone(mapped)), mapped, "%s has a file twice", architecture)
	files := slices.DeleteFunc(goFiles(t), func(file string) bool { return strings.HasSuffix(file, "_test.go") })
	require.Empty(t, without(files, mapped), "%s does not have these files", architecture)
	require.Empty(t, without(mapped, files), "%s has these files, which do not exist", architecture)
}

// without returns those of list that are not in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// TestNamedFiles: what the documents call a Go file is one, with as much of its path as
// is given.
func TestNamedFiles(t *testing.T) {
	files := goFiles(t)
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, m := range namedFile.FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			if _, err := os.Stat(name); err == nil { // perhaps in a module of its own
				continue
			}
			require.True(t, slices.ContainsFunc(files, func(file string) bool { return strings.HasSuffix(file, "/"+name) }),
				"%s names %s, which does not exist", document, name)
		}
	}
}

// goFiles returns the module's Go files, sorted, whatever their build constraints.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != root:
			return enter(file)
		case strings.HasSuffix(file, ".go"):
			files = append(files, filepath.ToSlash(file))
		}
		return nil
	}))
	slices.Sort(files)
	return files
}

// enter returns fs.SkipDir for a folder that the go command does not look into, or that
// has a module of its own.
func enter(folder string) error {
	name := filepath.Base(folder)
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// testify is for tests: the rules above give it to no package.
func TestDirectDependencies(t *testing.T) {
	raw, err := os.ReadFile("go.mod")
	require.NoError(t, err)
	var direct []string
	for line := range strings.Lines(string(raw)) {
		require.False(t, strings.HasPrefix(line, "toolchain"), "go.mod names a toolchain")
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) == 2 && strings.HasPrefix(fields[1], "v") {
			direct = append(direct, fields[0]) // an indirect one has a comment
		}
	}
	slices.Sort(direct)
	want := []string{watermill, uuid, compress, lz4, testify}
	slices.Sort(want)
	require.Equal(t, want, direct)
	require.Contains(t, string(raw), "\ngo 1.25", "the oldest Go that has testing/synctest")
}

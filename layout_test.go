// Package layout_test holds the rules that no compiler checks: which package may
// import which, and which modules the library depends on.
package layout_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/watermill-rocketmq/watermill-rocketmq"

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
	"headers":                      {},
	"internal/body":                {[]string{"headers"}, []string{compress, lz4}},
	"internal/pool":                {},
	"internal/nullbroker":          {[]string{"headers"}, nil},
	"transport":                    {[]string{"headers", "internal/pool"}, nil},
	"routing":                      {[]string{"headers"}, nil},
	"marshaler":                    {[]string{"headers"}, []string{watermill}},
	"embedded":                     {[]string{"headers", "internal/body"}, nil},
	"publisher":                    {[]string{"headers", "internal/body", "internal/pool", "transport", "routing", "marshaler"}, []string{watermill, uuid}},
	"outbox":                       {[]string{"publisher"}, []string{watermill}},
	"internal/realbroker":          {},
	"internal/realbroker/rocketmq": {[]string{"internal/realbroker", "internal/testcert"}, nil},
	"internal/testcert":            {},
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...").Output()
	require.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module+"/")
		if fields[0] == module {
			continue // this folder: tests only
		}
		rule, ok := allowed[name]
		require.True(t, ok, "package %s has no rule: say in this test what it may import", name)
		for _, imported := range fields[1:] {
			if own, ok := strings.CutPrefix(imported, module+"/"); ok {
				require.Contains(t, rule.packages, own, "package %s", name)
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

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// optionName is an option of rocketmq-client-go, as docs/migrating.md names it.
var optionName = regexp.MustCompile("`(producer|consumer)\\.([A-Z]\\w*)`")

// What docs/migrating.md calls by the name of a package of rocketmq-client-go is exported by
// that package, and it has all options.
func TestMigratingNamesClientGo(t *testing.T) {
	page, err := os.ReadFile("../docs/migrating.md")
	require.NoError(t, err)
	exported := map[string]map[string]bool{"producer": declaredIn(t, "producer"), "consumer": declaredIn(t, "consumer")}
	found := optionName.FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, found)
	for _, m := range found {
		require.True(t, exported[m[1]][m[2]], "%s.%s", m[1], m[2])
	}
	for name, declared := range exported {
		for option := range declared {
			if strings.HasPrefix(option, "With") {
				require.Contains(t, string(page), "`"+name+"."+option+"`")
			}
		}
	}
}

// declaredIn returns the names that a package of rocketmq-client-go declares.
func declaredIn(t *testing.T, name string) map[string]bool {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/apache/rocketmq-client-go/v2/"+name).Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						names[s.Name.Name] = true
					}
				}
			}
		}
	}
	return names
}

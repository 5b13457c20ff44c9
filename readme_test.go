package rocketmq_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxReadmeWords is how long the README may be, with its code and its tables: longer ones
// are not read.
const maxReadmeWords = 1500

func TestReadmeLength(t *testing.T) {
	require.LessOrEqual(t, len(strings.Fields(readText(t, "README.md"))), maxReadmeWords, "move something into docs")
}

// TestConfigurationIsDocumented: the documents leave settings to GoDoc, so each field of a
// configuration has a comment there.
func TestConfigurationIsDocumented(t *testing.T) {
	for _, folder := range []string{root, "publisher", "subscriber", "topics"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			require.NoError(t, err)
			ast.Inspect(parsed, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok || spec.Name.Name != "Cluster" && !strings.HasSuffix(spec.Name.Name, "Config") || !spec.Name.IsExported() {
					return true
				}
				of, ok := spec.Type.(*ast.StructType)
				if !ok {
					return true
				}
				for _, field := range of.Fields.List {
					for _, name := range field.Names {
						require.True(t, !name.IsExported() || field.Doc.Text() != "" || field.Comment.Text() != "",
							"%s: %s.%s has no comment", file, spec.Name.Name, name.Name)
					}
				}
				return true
			})
		}
	}
}

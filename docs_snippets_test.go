package rocketmq_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// snippetFiles has the file of tests in which the Go code of a document is compiled, and
// mostly run: there it stands between the marks SNIPPET: and :SNIPPET.
var snippetFiles = map[string]string{
	"README.md":                  "readme_snippets_test.go",
	"docs/control.md":            "control_snippets_test.go",
	"docs/features.md":           "features_snippets_test.go",
	"docs/production.md":         "production_snippets_test.go",
	"docs/testing.md":            "testing_snippets_test.go",
	watermillPage:                "watermill_page_test.go", // but for what it takes out of sources
	"docs/when-publish-fails.md": "fails_snippets_test.go",
}

// moduleSnippets has such files of modules of their own, which compile and run them.
var moduleSnippets = map[string][]string{
	"README.md":             {"otel/readme_test.go"},
	"docs/observability.md": {"otel/docs_test.go", "prometheus/snippets_test.go"},
}

// programs are documents' blocks that are a whole program, with the file that it is.
var programs = map[string]string{"README.md": "_examples/usage/main.go"}

// TestSnippets: each block of Go code in a document is compiled, as a program or between
// marks in a file of tests, and what is between marks is in the document.
func TestSnippets(t *testing.T) {
	for _, document := range documents(t) {
		var want []string
		for _, b := range blocksOf(shortcode.ReplaceAllString(readText(t, document), "")) {
			switch {
			case b.language != "go":
			case strings.HasPrefix(b.text, "package "):
				require.Equal(t, readText(t, programs[document]), b.text, document)
			default:
				want = append(want, b.text)
			}
		}
		files := moduleSnippets[document]
		if file, ok := snippetFiles[document]; ok {
			files = append(files, file)
		}
		require.Equal(t, len(want) > 0, len(files) > 0, "%s has %d blocks of Go code and files of tests for it: %v", document, len(want), files)
		var compiled []string
		for _, file := range files {
			compiled = append(compiled, snippetsIn(t, file)...)
		}
		require.ElementsMatch(t, want, compiled, document)
	}
	for _, document := range slices.Sorted(maps.Keys(programs)) {
		require.Contains(t, readText(t, document), "```go\npackage main\n")
	}
}

// snippetsIn returns what is between the marks in a file of tests, in which it is one tab
// further in.
func snippetsIn(t *testing.T, file string) (snippets []string) {
	t.Helper()
	source := strings.ReplaceAll("\n"+readText(t, file), "\n\t", "\n")
	for _, part := range strings.Split(source, "\n// SNIPPET:\n")[1:] {
		snippet, _, ok := strings.Cut(part, "// :SNIPPET\n")
		require.True(t, ok, file)
		snippets = append(snippets, snippet)
	}
	return snippets
}

// This file finds the documents of the repository, for the tests that hold them to what
// they say: docs_links_test.go, docs_names_test.go, docs_commands_test.go and
// docs_snippets_test.go.

package rocketmq_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents returns the paths of all Markdown files of the repository, with slashes.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == ".git"):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(file, ".md"):
			paths = append(paths, filepath.ToSlash(file))
		}
		return nil
	}))
	return paths
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// block is a fenced block of code in a document.
type block struct{ language, text string }

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// blocksOf returns the fenced blocks of a document in their order.
func blocksOf(document string) (blocks []block) {
	for _, m := range fenced.FindAllStringSubmatch(document, -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	return blocks
}

var comment = regexp.MustCompile(`(?s)<!--.*?-->`)

// proseOf returns a document without its blocks of code and its comments.
func proseOf(document string) string {
	return comment.ReplaceAllString(fenced.ReplaceAllString(document, ""), "")
}

func TestProseOf(t *testing.T) {
	require.Equal(t, "a\n\nb  c\n", proseOf("a\n```go\nx := 1\n```\nb <!-- [d](e) --> c\n"))
	require.Equal(t, []block{{"go", "x := 1\n"}, {"", "y\n"}}, blocksOf("```go\nx := 1\n```\n\n```\ny\n```\n"))
}

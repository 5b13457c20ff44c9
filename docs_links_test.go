package rocketmq_test

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\]\(([^()\s]+(?:\([^()\s]*\))?[^()\s]*)\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	code    = regexp.MustCompile("`[^`\n]*`")
	markup  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// TestLinks: each link in a document that does not leave the repository leads to a file
// or folder that exists, and to a heading that exists.
func TestLinks(t *testing.T) {
	for _, document := range documents(t) {
		prose := code.ReplaceAllString(proseOf(readText(t, document)), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := document
			if file != "" {
				target = path.Join(path.Dir(document), file)
			}
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", document, m[1])
			if anchor != "" {
				require.Contains(t, anchorsOf(readText(t, target)), anchor, "%s links to %s", document, m[1])
			}
		}
	}
}

// anchorsOf returns the anchors of a document's headings, as GitHub makes them.
func anchorsOf(document string) (anchors []string) {
	seen := make(map[string]int)
	for _, m := range heading.FindAllStringSubmatch(proseOf(document), -1) {
		var made strings.Builder
		for _, r := range strings.ToLower(markup.ReplaceAllString(m[1], "$1")) {
			switch {
			case r == ' ':
				made.WriteByte('-')
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				made.WriteRune(r)
			}
		}
		anchor := made.String()
		if n := seen[anchor]; n > 0 {
			made.WriteString(fmt.Sprintf("-%d", n))
		}
		seen[anchor]++
		anchors = append(anchors, made.String())
	}
	return anchors
}

func TestAnchorsOf(t *testing.T) {
	require.Equal(t, []string{"what-publish-promises", "x", "configcluster", "x-1", "a-link"},
		anchorsOf("# What Publish promises?\n## X\n### `Config.Cluster`\n## X\n# A [link](b.md)\n```\n# no heading\n```\n"))
}

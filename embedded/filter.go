package embedded

import (
	"slices"
	"strings"
)

// tagFilter passes messages by the hash of their tag, as brokers do; a client
// has to compare the tags themselves again. The zero tagFilter passes nothing.
type tagFilter struct {
	all    bool
	hashes []int32
}

func (f *tagFilter) passes(hash int32) bool { return f.all || slices.Contains(f.hashes, hash) }

// parseTags reads an expression such as "a || b" (FilterAPI.buildSubscriptionData
// of 5.5.0). ok is false if there is no tag in it.
func parseTags(expression string) (f tagFilter, ok bool) {
	if expression == "" || expression == "*" {
		return tagFilter{all: true}, true
	}
	for tag := range strings.SplitSeq(expression, "||") {
		if tag = strings.TrimSpace(tag); tag != "" {
			f.hashes = append(f.hashes, javaHash(tag))
		}
	}
	return f, len(f.hashes) > 0
}

// isTagExpression reports whether kind, an expression type, is that of tags.
func isTagExpression(kind string) bool { return kind == "" || kind == "TAG" }

package rocketmq_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/stretchr/testify/require"
)

// TestMigratingFromGoChannel: the page has a row for each setting of GoChannel, and no other.
// The names of rocketmq-client-go are checked in the module benchmarks, which depends on it.
func TestMigratingFromGoChannel(t *testing.T) {
	_, table, ok := strings.Cut(readText(t, "docs/migrating.md"), "| `gochannel.Config` | here |\n|---|---|\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	var named []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(table, -1) {
		named = append(named, m[1])
	}
	var settings []string
	for _, field := range reflect.VisibleFields(reflect.TypeFor[gochannel.Config]()) {
		settings = append(settings, field.Name)
	}
	require.ElementsMatch(t, settings, named)
}

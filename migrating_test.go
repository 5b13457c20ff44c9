package rocketmq_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// TestMigratingFromGoChannel: the page has a row for each setting of GoChannel, and no other.
// The names of rocketmq-client-go are checked in the module benchmarks, which depends on it,
// and those of watermill-kafka and sarama in _examples.
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

// javaSettings is a setting of the Java client, as a page names it on the left of a table.
var javaSettings = regexp.MustCompile("`([a-z]\\w+)`")

// TestMigratingFromJava: the page has every setting of the Java client in its tables, and
// none that there is not.
func TestMigratingFromJava(t *testing.T) {
	realbroker.Require(t)
	_, page, ok := strings.Cut(readText(t, "docs/migrating.md"), "## From the Java client\n")
	require.True(t, ok)
	page, _, ok = strings.Cut(page, "### The clients of RocketMQ 5")
	require.True(t, ok)
	var named []string
	for row := range strings.Lines(page) {
		if left, _, ok := strings.Cut(row[1:], " | "); ok {
			for _, m := range javaSettings.FindAllStringSubmatch(left, -1) {
				named = append(named, m[1])
			}
		}
	}
	var settings, methods []string
	for _, class := range []string{"ClientConfig", "producer/DefaultMQProducer", "producer/TransactionMQProducer", "consumer/DefaultMQPushConsumer"} {
		of := publicMethods(t, javaClass(t, "5.5.0", "rocketmq-client", "client/"+class))
		settings, methods = append(settings, settersAmong(of)...), append(methods, of...)
	}
	for _, setting := range settings {
		if !strings.HasSuffix(setting, "InsideAdjust") { // the client's own
			assert.Contains(t, named, setting)
		}
	}
	for _, name := range named {
		assert.True(t, slices.Contains(settings, name) || slices.Contains(methods, name), name)
	}
	for _, setting := range settersAmong(publicMethods(t, javaClass(t, "5.5.0", "rocketmq-common", "common/message/Message"))) {
		if setting != "topic" && setting != "body" {
			assert.Contains(t, page, "`Message.set"+strings.ToUpper(setting[:1])+setting[1:]+"`")
		}
	}
}

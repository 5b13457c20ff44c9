package rocketmq_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

const watermillPage = "docs/watermill.md"

var (
	// shortcode is a comment that stands for a shortcode of Watermill's site, with the block
	// that it makes, if that is shown.
	shortcode = regexp.MustCompile("(?s)<!-- load-snippet-partial ([^\n]*) -->\n\n(?:```go\n(.*?)```\n)?")
	parameter = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// TestWatermillPage: what stands below a shortcode is what that takes out of the source.
// UPDATE=1 writes it there.
func TestWatermillPage(t *testing.T) {
	page := readText(t, watermillPage)
	found := shortcode.FindAllStringSubmatchIndex(page, -1)
	require.Len(t, found, 10)
	updated := shortcode.ReplaceAllStringFunc(page, func(whole string) string {
		m := shortcode.FindStringSubmatch(whole)
		parameters := make(map[string]string)
		for _, p := range parameter.FindAllStringSubmatch(m[1], -1) {
			parameters[p[1]] = p[2]
		}
		want := loadSnippet(t, parameters)
		if os.Getenv("UPDATE") == "" && strings.Contains(whole, "```go\n") {
			require.Equal(t, want, m[2], m[1])
		}
		before, _, shown := strings.Cut(whole, "```go\n")
		if !shown {
			return whole
		}
		return before + "```go\n" + want + "```\n"
	})
	if os.Getenv("UPDATE") != "" {
		require.NoError(t, os.WriteFile(watermillPage, []byte(updated), 0o644))
	}
}

// loadSnippet takes lines out of a source as Watermill's shortcode load-snippet-partial does,
// without the marks for what is left out.
func loadSnippet(t *testing.T, p map[string]string) string {
	t.Helper()
	file := strings.TrimPrefix(strings.TrimPrefix(p["file"], "src-link/"), "watermill-rocketmq/")
	var lines []string
	begun, ended := false, false
	more := strings.Count(p["padding_after"], "1")
	for line := range strings.Lines(readText(t, file)) {
		text := strings.TrimSuffix(line, "\n")
		begun = begun || strings.Contains(text, p["first_line_contains"])
		if !begun {
			continue
		}
		lines = append(lines, text)
		ended = ended || p["last_line_contains"] != "" && strings.Contains(text, p["last_line_contains"]) ||
			p["last_line_equals"] != "" && text == p["last_line_equals"]
		if !ended {
			continue
		}
		if more == 0 {
			break
		}
		more--
	}
	require.True(t, begun, "%s has no line with %q", file, p["first_line_contains"])
	require.True(t, ended, "%s does not have the last line %q%q", file, p["last_line_contains"], p["last_line_equals"])
	indent := len(lines[0]) - len(strings.TrimLeft(lines[0], "\t"))
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], strings.Repeat("\t", indent))
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestWatermillCharacteristics: the page says of the four features what the universal tests
// are told.
func TestWatermillCharacteristics(t *testing.T) {
	require.Contains(t, readText(t, "subscriber/suite_test.go"), "tests.Features{ConsumerGroups: true, Persistent: true, GuaranteedOrder: s.ordered}")
	page := readText(t, watermillPage)
	for feature, implemented := range map[string]string{"ConsumerGroups": "yes", "ExactlyOnceDelivery": "no", "GuaranteedOrder": "yes", "Persistent": "yes"} {
		require.Contains(t, page, "| "+feature+" | "+implemented+" |")
	}
}

func watermillOrdering(cluster rocketmq.Cluster) publisher.Config {
	// SNIPPET:
	cfg := publisher.Config{
		Cluster: cluster,
		OrderingKey: func(topic string, msg *message.Message) (string, error) {
			return msg.Metadata.Get("customer"), nil
		},
	}
	// :SNIPPET
	return cfg
}

func TestWatermillOrdering(t *testing.T) {
	cfg := watermillOrdering(rocketmq.Cluster{NameServers: []string{"ns-1:9876"}})
	require.NoError(t, cfg.Validate())
	msg := message.NewMessage("1", nil)
	msg.Metadata.Set("customer", "17")
	key, err := cfg.OrderingKey("orders", msg)
	require.NoError(t, err)
	require.Equal(t, "17", key)
}

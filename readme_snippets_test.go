package layout_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What stands between the marks in these functions stands in the README as well.

func readmeEmbedded() error {
	// README:
	cluster, err := embedded.Start(embedded.InMemory())
	if err != nil {
		return err
	}
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{NameServers: cluster.NameServers(), Dial: cluster.Dial}, nil)
	// :README
	if err != nil {
		return err
	}
	defer pub.Close()
	if err := pub.Publish("greetings", message.NewMessage("uuid", []byte("hello"))); err != nil {
		return err
	}
	return readmeCheck(context.Background(), pub)
}

func readmeCheck(ctx context.Context, pub *publisher.Publisher) error {
	// README:
	report, err := pub.Check(ctx, "greetings")
	if err != nil {
		return err
	}
	fmt.Println(report)
	return report.Err() // what keeps messages from being published; report.Warnings() has what else is not as it should be
	// :README
}

func TestReadmeSnippets(t *testing.T) {
	require.NoError(t, readmeEmbedded())

	source, err := os.ReadFile("readme_snippets_test.go")
	require.NoError(t, err)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	text := strings.ReplaceAll("\n"+string(source), "\n\t", "\n")
	found := 0
	for _, part := range strings.Split(text, "\n// README:\n")[1:] {
		snippet, _, ok := strings.Cut(part, "\n// :README\n")
		require.True(t, ok)
		require.True(t, strings.Contains(string(readme), "```go\n"+snippet+"\n```\n"), snippet)
		found++
	}
	require.Equal(t, found, strings.Count(string(readme), "```go\n")-1, "all but the program")
}

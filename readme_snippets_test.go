package rocketmq_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	watermilllog "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// What stands between the marks in these functions stands in the README as well.

func readmeEmbedded() error {
	// README:
	cluster, err := embedded.Start(embedded.InMemory())
	if err != nil {
		return err
	}
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
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

func readmeConnect(logger watermilllog.LoggerAdapter) error {
	// README:
	client, err := rocketmq.Connect(rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	for _, group := range []string{"orders", "invoices"} {
		pub, err := publisher.New(publisher.Config{Client: client, ProducerGroup: group}, logger)
		if err != nil {
			return err
		}
		defer pub.Close()
	}
	// :README
	return nil
}

func readmeSubscribe(ctx context.Context, logger watermilllog.LoggerAdapter) error {
	// README:
	sub, err := subscriber.New(subscriber.Config{
		Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}},
		Group:   "billing",
	}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	messages, err := sub.Subscribe(ctx, "greetings")
	if err != nil {
		return err
	}
	for msg := range messages {
		info, _ := subscriber.InfoFromContext(msg.Context())
		fmt.Printf("%s, from queue %d, delivery %d\n", msg.Payload, info.QueueID, info.Deliveries)
		msg.Ack()
	}
	// :README
	return nil
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
	require.NoError(t, readmeConnect(nil))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, readmeSubscribe(ended, nil), context.Canceled)

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := requireSnippets(t, "readme_snippets_test.go", "README", "README.md")
	require.Equal(t, found, strings.Count(string(readme), "```go\n")-1, "all but the program")
}

// requireSnippets requires that what stands between the marks in a file of tests stands
// on the page, and returns how many snippets that is.
func requireSnippets(t *testing.T, file, mark, page string) (found int) {
	t.Helper()
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, part := range strings.Split(strings.ReplaceAll("\n"+string(source), "\n\t", "\n"), "\n// "+mark+":\n")[1:] {
		snippet, _, ok := strings.Cut(part, "\n// :"+mark+"\n")
		require.True(t, ok)
		require.True(t, strings.Contains(string(text), "```go\n"+snippet+"\n```\n"), snippet)
		found++
	}
	return found
}

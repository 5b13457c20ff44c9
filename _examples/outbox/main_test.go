package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/tries"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// TestMain is a program that is killed, where it is started as that.
func TestMain(m *testing.M) {
	if step := os.Getenv(stepEnv); step != "" {
		log.Fatal(beKilled(step, os.Args[1:]))
	}
	if run := os.Getenv(loopEnv); run != "" {
		log.Fatal(takeOrders(run, os.Args[1:]))
	}
	os.Exit(m.Run())
}

const told = `killed before the commit of the database
killed between the two commits
order killed before the commit of the database: 0 in the database, the check says rollback
order killed between the two commits: 1 in the database, the check says commit
`

func TestOutbox(t *testing.T) {
	want := told + "messages in the topic: 1\n"
	if documented(t) != want {
		t.Errorf("its documentation says that it prints:\n%s", documented(t))
	}
	// The answer to a check has some seconds, and none is given once the publisher has ended.
	tries.Thrice(t, func() error {
		var out bytes.Buffer
		if err := run(t.Context(), &out, "", "shop-orders", "shop"); err != nil {
			return err
		}
		if out.String() != want {
			return fmt.Errorf("got:\n%s\nwant:\n%s", &out, want)
		}
		return nil
	})
}

// documented returns what the program prints by its documentation.
func documented(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(source), "// It prints:\n//\n")
	var text strings.Builder
	for line := range strings.Lines(block) {
		line, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			break
		}
		text.WriteString(line)
	}
	return text.String()
}

// On a real broker the Java client tells what is in the topic: the second order,
// once. Nothing was given up.
func TestOutboxOnRealBroker(t *testing.T) {
	cluster := realbroker.Start(t, realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{
		"transactionTimeOut":       "2000",
		"transactionCheckInterval": "1000",
		"transactionCheckMax":      "1000", // nobody answers while a busy machine starts the next process
	}})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cluster.CreateTopic(t, "shop-orders", 1)
	var out bytes.Buffer
	if err := run(ctx, &out, cluster.NameServers()[0], "shop-orders", "shop"); err != nil {
		t.Fatal(err)
	}
	if out.String() != told {
		t.Errorf("got:\n%s\nwant:\n%s", &out, told)
	}
	stored := cluster.Read(t, "shop-orders", 1)
	if len(stored) != 1 || string(stored[0].Body) != betweenCommits {
		t.Errorf("stored: %+v", stored)
	}
	for _, topic := range cluster.Topics(t) {
		if strings.Contains(topic, "TRANS_CHECK_MAX_TIME") && len(cluster.Read(t, topic, 0)) > 0 {
			t.Errorf("the broker has given up a message")
		}
	}
}

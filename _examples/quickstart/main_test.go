package main

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

func TestQuickstart(t *testing.T) {
	receipts(t, "")
}

// The messages of the run before are there, and are not handled again.
func TestQuickstartWithData(t *testing.T) {
	dir := t.TempDir()
	receipts(t, dir)
	receipts(t, dir)
	cluster, err := embedded.Start(embedded.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for _, topic := range []string{"shop.orders", "shop.receipts"} {
		messages, err := cluster.WatermillMessages(topic)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) != 10 {
			t.Errorf("%d messages in %s, want those of both runs", len(messages), topic)
		}
	}
}

func receipts(t *testing.T, data string) {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), &out, "", data, 5); err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^receipt for order \d: broker broker-a, queue \d, offset \d, message id [0-9A-F]{32}$`)
	if lines := line.FindAllString(out.String(), -1); len(lines) != 5 {
		t.Errorf("want a line for each of 5 receipts, got:\n%s", &out)
	}
}

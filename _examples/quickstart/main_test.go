package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/tries"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

func TestQuickstart(t *testing.T) {
	tries.Thrice(t, func() error { return receipts(t, "") })
}

// The messages of the run before are there, and are not handled again.
func TestQuickstartWithData(t *testing.T) {
	tries.Thrice(t, func() (err error) {
		dir := t.TempDir()
		for range 2 {
			if err := receipts(t, dir); err != nil {
				return err
			}
		}
		cluster, err := embedded.Start(embedded.Dir(dir))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, cluster.Close()) }()
		for _, topic := range []string{"shop.orders", "shop.receipts"} {
			messages, err := cluster.WatermillMessages(topic)
			if err != nil {
				return err
			}
			if len(messages) != 10 {
				return fmt.Errorf("%d messages in %s, want those of both runs", len(messages), topic)
			}
		}
		return nil
	})
}

var line = regexp.MustCompile(`(?m)^receipt for order \d: broker broker-a, queue \d, offset \d, message id [0-9A-F]{32}$`)

func receipts(t *testing.T, data string) error {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), &out, "", data, 5); err != nil {
		return err
	}
	if lines := line.FindAllString(out.String(), -1); len(lines) != 5 {
		return fmt.Errorf("want a line for each of 5 receipts, got:\n%s", &out)
	}
	return nil
}

package rocketmq_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/outbox"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What stands between the marks in these functions is in docs/features.md as well.

func featuresDelay(pub message.Publisher) error {
	// SNIPPET:
	msg := message.NewMessage("reminder-1", []byte("a reminder"))
	delay.Message(msg, delay.For(time.Hour))
	if err := pub.Publish("reminders", msg); err != nil {
		return err
	}
	// :SNIPPET
	return nil
}

// featuresOutbox is compiled only: it needs a database. _examples/outbox has a program like
// it, which runs.
func featuresOutbox(ctx context.Context, box *outbox.Outbox, pub *publisher.Publisher) error {
	// SNIPPET:
	tx, err := box.Begin(ctx, pub, nil)
	if err != nil {
		return err
	}
	defer tx.Close()
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES (17)"); err != nil {
		return err
	}
	if err := tx.Publish("orders", message.NewMessage("order-17", []byte("17"))); err != nil {
		return err
	}
	return tx.Commit()
	// :SNIPPET
}

var _ = featuresOutbox

func TestFeaturesDelay(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
	require.NoError(t, err)
	defer pub.Close()
	require.NoError(t, featuresDelay(pub))
	stored, err := cluster.Messages("reminders")
	require.NoError(t, err)
	require.Empty(t, stored)
	cluster.Advance(2 * time.Hour)
	stored, err = cluster.Messages("reminders")
	require.NoError(t, err)
	require.Len(t, stored, 1)
}

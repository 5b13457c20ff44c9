package subscriber_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A check says what keeps messages from being consumed.
func TestCheck(t *testing.T) {
	eachEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("check")
		publish(t, w.publisher(t), topic, 1)
		cfg := w.config(engine, unique("group"))
		cfg.CreateTopics.Enabled = false
		sub := newSubscriber(t, cfg)
		var report check.Report
		patiently(t, func() (err error) {
			if report, err = sub.Check(t.Context(), topic); err == nil {
				err = report.Err()
			}
			return err
		})
		status := make(map[check.Aspect]check.Status)
		for _, item := range report.Items {
			status[item.Aspect] = item.Status
		}
		require.Equal(t, check.OK, status[check.ReadPermission], report)
		require.Contains(t, status, check.ConsumerGroup, report)
		require.NotContains(t, status, check.WritePermission)

		report, err := sub.Check(t.Context(), unique("missing"))
		require.NoError(t, err)
		require.NotEmpty(t, report.Warnings(), report)
	})
}

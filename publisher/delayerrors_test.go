package publisher

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Texts have versions by name and delays that can be read.
func TestVersionsAndDelaysInTexts(t *testing.T) {
	delay := 7*time.Second - 123*time.Nanosecond
	for want, err := range map[string]error{
		"broker a:1 does not support recall: it needs RocketMQ 5.0.0, the broker says it is 4.9.7": &rocketmq.UnsupportedError{
			Feature: rocketmq.FeatureRecall, Addr: "a:1", Version: headers.Version4_9_7, Since: "5.0.0",
		},
		"broker a:1 (4.9.7, before RocketMQ 5.0.0) has no delay level for a delay of 7s, only [1s 10s]: leave Config.Delay.RequireLevel unset or use one of these": &DelayLevelError{
			Delay: delay, Levels: []time.Duration{time.Second, 10 * time.Second}, Addr: "a:1", Version: headers.Version4_9_7,
		},
		"broker a:1 (4.9.7, before RocketMQ 5.0.0) has no delay level for a delay of 7s, only [1s 5s]: use one of these": &DelayLevelError{
			Delay: delay, Levels: []time.Duration{time.Second, 5 * time.Second}, Addr: "a:1", Version: headers.Version4_9_7,
		},
		"delay of 7s (for the broker, rounded up) is over the limit of 1s": &DelayTooLongError{Delay: delay, Max: time.Second},
	} {
		require.EqualError(t, err, want)
	}
}

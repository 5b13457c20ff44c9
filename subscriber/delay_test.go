package subscriber

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

func TestDelayOf(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, int(700*time.Millisecond), time.UTC)
	for name, tc := range map[string]struct {
		until, length string
		want          time.Duration
	}{
		"none":                     {},
		"of DelayOnError":          {now.Add(time.Minute).Format(time.RFC3339), "1m0s", time.Minute},
		"less than a second":       {now.Format(time.RFC3339), "200ms", 200 * time.Millisecond},
		"of its publication":       {now.Add(-time.Minute).Format(time.RFC3339), "1m0s", 0},
		"a time alone":             {now.Add(time.Minute).Format(time.RFC3339), "", time.Minute + 300*time.Millisecond},
		"a length alone":           {"", "1m0s", 0},
		"a length that is no such": {now.Add(time.Minute).Format(time.RFC3339), "soon", time.Minute + 300*time.Millisecond},
		"a time that is no such":   {"soon", "1m0s", 0},
	} {
		msg := message.NewMessage("", nil)
		if tc.until != "" {
			msg.Metadata.Set(delay.DelayedUntilKey, tc.until)
		}
		if tc.length != "" {
			msg.Metadata.Set(delay.DelayedForKey, tc.length)
		}
		got, asked := delayOf(msg, now)
		require.Equal(t, tc.want, got, name)
		require.Equal(t, tc.want > 0, asked, name)
	}
}

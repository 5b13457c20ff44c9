package topicadmin

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// That a topic was missing at the lookup before is no reason to create it.
func TestWaitIsNotMissing(t *testing.T) {
	missing := &routing.NoRouteError{Topic: "t"}
	require.True(t, isMissing(nil, missing, "t"))
	require.False(t, isMissing(nil, &routing.WaitError{Topic: "t", Err: context.DeadlineExceeded, Before: missing}, "t"))
}

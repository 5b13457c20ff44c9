package headers_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

func TestParseSubscriptionGroups(t *testing.T) {
	groups, err := headers.ParseSubscriptionGroups([]byte(`{"dataVersion":{"counter":1,"stateVersion":0,"timestamp":1},"forbiddenTable":{},` +
		`"subscriptionGroupTable":{"a":{"groupName":"a","consumeEnable":false,"retryMaxTimes":3},"b":{"groupName":"b"}}}`))
	require.NoError(t, err)
	a := headers.NewSubscriptionGroupConfig("a")
	a.ConsumeEnable, a.RetryMaxTimes = false, 3
	require.Equal(t, map[string]headers.SubscriptionGroupConfig{"a": a, "b": headers.NewSubscriptionGroupConfig("b")}, groups)

	groups, err = headers.ParseSubscriptionGroups([]byte(`{}`))
	require.NoError(t, err)
	require.Empty(t, groups)
	for _, wrong := range []string{``, `[]`, `{"subscriptionGroupTable":[]}`, `{"subscriptionGroupTable":{"a":7}}`, `{"subscriptionGroupTable":{"a":{"retryMaxTimes":"x"}}}`} {
		_, err := headers.ParseSubscriptionGroups([]byte(wrong))
		require.ErrorIs(t, err, headers.ErrMalformed, wrong)
	}
}

package rocketmq_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
)

// A secret is read from a configuration file like a string, and not written back.
func TestSecretInConfigurationFiles(t *testing.T) {
	var c rocketmq.Credentials
	require.NoError(t, json.Unmarshal([]byte(`{"AccessKey":"user","SecretKey":"top","SecurityToken":""}`), &c))
	require.Equal(t, "top", c.SecretKey.Reveal())
	require.True(t, c.SecurityToken.IsEmpty())
	require.Empty(t, c.SecurityToken.Reveal())
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.JSONEq(t, `{"AccessKey":"user","SecretKey":"[redacted]","SecurityToken":""}`, string(text))
	require.ErrorContains(t, json.Unmarshal(text, &c), "redacted")
}

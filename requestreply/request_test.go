package requestreply

import (
	"context"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseTTL(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "x": 0, "0": 0, "-5": 0, "3000": 3 * time.Second, "1001": 1001 * time.Millisecond,
		"1000": time.Second, "3": 3 * time.Second, "999": 999 * time.Second,
		strconv.FormatInt(math.MaxInt64, 10): 0, "31536000000": maxTTL, "31536000001": 0,
	} {
		require.Equal(t, want, parseTTL(text), text)
	}
	require.Equal(t, "1001", milliseconds(time.Second+1))
	require.Equal(t, "1000", milliseconds(time.Second))
}

func TestNoRequestInContext(t *testing.T) {
	_, ok := RequestFromContext(context.Background())
	require.False(t, ok)
}

func TestConfigs(t *testing.T) {
	err := RequesterConfig{MaxWaiting: -1, MaxReplySize: -1, Timeout: -1, CloseTimeout: -1}.Validate()
	for _, fault := range []string{"Publisher.Cluster.NameServers", "MaxWaiting is -1", "MaxReplySize is -1", "Timeout is -1ns", "CloseTimeout is -1ns"} {
		require.ErrorContains(t, err, fault)
	}
	_, err = NewRequester(RequesterConfig{}, nil)
	require.Error(t, err)

	cfg := ResponderConfig{ProducerGroup: "a b", MaxReplySize: -1, ReplyTimeout: -1}
	cfg.Compression.Codec, cfg.Compression.Threshold = "rar", -1
	err = cfg.Validate()
	for _, fault := range []string{"Cluster.NameServers", `ProducerGroup is "a b"`, `Compression: codec "rar"`, "Compression.Threshold is -1", "MaxReplySize is -1", "ReplyTimeout is -1ns"} {
		require.ErrorContains(t, err, fault)
	}
	_, err = NewResponder(ResponderConfig{}, nil)
	require.Error(t, err)
}

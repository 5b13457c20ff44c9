package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// What is produced is consumed, with its fields, and a message that fails comes again.
func TestProduceAndConsume(t *testing.T) {
	if raceDetector {
		t.Skip("rocketmq-client-go has races of its own")
	}
	rlog.SetLogLevel("fatal")
	cluster, err := embedded.Start()
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Close()) }()
	require.NoError(t, cluster.CreateTopic("orders", 2))
	nameServers := "-nameservers=" + strings.Join(cluster.NameServers(), ",")

	var out bytes.Buffer
	require.NoError(t, run([]string{"produce", nameServers, "-topic=orders", "-count=3", "-size=64", "-tag=new", "-sharding-key=k"}, nil, &out))
	var results []sent
	for lines := json.NewDecoder(&out); lines.More(); {
		var line sent
		require.NoError(t, lines.Decode(&line))
		results = append(results, line)
	}
	require.Len(t, results, 3)

	in, end := io.Pipe()
	printed, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run([]string{"consume", nameServers, "-topic=orders", "-group=g", "-goroutines=1"}, in, write)
		ended <- err
		_ = write.CloseWithError(err)
	}()
	lines := json.NewDecoder(printed)
	var started map[string]any
	require.NoError(t, lines.Decode(&started))
	require.Empty(t, started)
	for i, want := range results {
		require.Equal(t, "SEND_OK", want.Status)
		var d delivery
		require.NoError(t, lines.Decode(&d))
		for d.MsgID == want.MsgID && d.QueueOffset < want.QueueOffset { // sent again, after 3 s without an answer
			require.NoError(t, lines.Decode(&d))
		}
		require.Equal(t, want.MsgID, d.MsgID)
		require.Equal(t, want.QueueID, d.QueueID)
		require.Equal(t, want.QueueOffset, d.QueueOffset)
		require.Equal(t, "new", d.Tags)
		require.Len(t, d.Body, 64)
		require.Equal(t, string(rune('0'+i)), d.Properties["n"])
		require.False(t, d.Failed)
	}
	require.NoError(t, end.Close())
	require.NoError(t, <-ended)
}

func TestBadArguments(t *testing.T) {
	require.Error(t, run(nil, nil, io.Discard))
	require.ErrorContains(t, run([]string{"browse"}, nil, io.Discard), "browse")
	require.Error(t, run([]string{"consume", "-no-such-flag"}, nil, io.Discard))
}

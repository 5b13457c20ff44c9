package main

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// Each Pub/Sub publishes and consumes all messages. The figures of the embedded broker mean
// nothing.
func TestRun(t *testing.T) {
	for _, pubSub := range []string{"rocketmq", "rocketmq-pull", "gochannel"} {
		cluster, err := embedded.Start()
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "page.md")
		var table strings.Builder
		require.NoError(t, run(t.Context(), []string{
			"-pubsub", pubSub, "-nameserver", cluster.NameServers()[0], "-count", "500", "-size", "16,64", "-out", path,
		}, &table, io.Discard))
		require.Regexp(t, `(?m)^\| 16 \| [\d,]+ \| [\d,]+ \| \d+ \|\n\| 64 \| `, table.String())
		page, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Contains(t, string(page), table.String())
		require.Contains(t, string(page), "| Pub/Sub | "+pubSub+" |")
		require.Contains(t, string(page), "500 messages of each size")
		require.NoError(t, cluster.Close())
	}
}

func TestSeen(t *testing.T) {
	s := newSeen(2)
	add := func(number uint64) bool {
		last, err := s.add(binary.BigEndian.AppendUint64(nil, number))
		require.NoError(t, err)
		return last
	}
	require.False(t, add(1))
	require.False(t, add(1))
	require.True(t, add(0))
	require.False(t, add(0))
	require.EqualValues(t, 2, s.again.Load())
	_, err := s.add(binary.BigEndian.AppendUint64(nil, 2))
	require.Error(t, err)
	_, err = s.add(nil)
	require.Error(t, err)
}

func TestPage(t *testing.T) {
	p := page{flags: &flags{pubSub: "rocketmq", version: "5.5.0", messages: 1_000_000}, started: true, results: []result{
		{size: 16, messages: 1_000_000, publish: 10 * time.Second, subscribe: 4 * time.Second},
	}}
	require.Contains(t, p.String(), "| 16 | 100,000 | 250,000 | 0 |\n")
	require.Contains(t, p.String(), "with 1,000,000 messages of each size")
}

func TestWrongFlags(t *testing.T) {
	for _, args := range [][]string{{"-size", "7"}, {"-size", "x"}, {"-count", "0"}, {"more"}, {"-pubsub", "kafka", "-nameserver", "x:1"}} {
		require.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
}

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// The command prints a name server that can be connected to, and ends, with all
// it has started, when it is interrupted.
func TestRunsUntilInterrupted(t *testing.T) {
	realbroker.Require(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, nil, in, t.Output())
		ended <- in.CloseWithError(err)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	addr := strings.TrimSpace(strings.TrimPrefix(line, "name server: "))
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	interrupt()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	_, err = net.Dial("tcp", addr)
	require.Error(t, err, "the name server is still there")
}

func TestFetch(t *testing.T) {
	realbroker.Require(t)
	require.NoError(t, run(t.Context(), []string{"-fetch"}, io.Discard, t.Output()))
}

// What is missing is said aloud, and is no failure.
func TestCheck(t *testing.T) {
	var log strings.Builder
	require.NoError(t, run(t.Context(), []string{"-check"}, io.Discard, &log))
	if realbroker.Available() == nil {
		require.Empty(t, log.String())
	} else {
		require.Contains(t, log.String(), "REAL BROKER TESTS DO NOT RUN")
	}
}

func TestBadArguments(t *testing.T) {
	require.ErrorContains(t, run(t.Context(), []string{"more"}, io.Discard, io.Discard), "more")
	require.ErrorContains(t, run(t.Context(), []string{"-version", "new"}, io.Discard, io.Discard), "Version")
}

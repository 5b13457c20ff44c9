package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
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

// With -acl and -tls it prints what a client needs: who may sign, and the
// authority that has signed the certificate of the name server.
func TestPrintsUserAndAuthority(t *testing.T) {
	realbroker.Require(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-acl", "-tls"}, in, t.Output())
		ended <- in.CloseWithError(err)
		ended <- err
	}()
	printed := make(map[string]string)
	lines := bufio.NewScanner(out)
	for len(printed) < 4 && lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		printed[name] = value
	}
	require.Equal(t, realbroker.Superuser().Name, printed["access key"])
	require.Equal(t, realbroker.Superuser().Secret, printed["secret key"])
	authority, err := os.ReadFile(printed["certificate authority"])
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(authority))
	conn, err := tls.Dial("tcp", printed["name server"], &tls.Config{RootCAs: pool})
	require.NoError(t, err)
	require.NoError(t, conn.Close())

	interrupt()
	require.NoError(t, <-ended)
	require.NoError(t, <-ended)
	require.NoFileExists(t, printed["certificate authority"])
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

package control_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

func get(ctx context.Context, url string) (status int, text string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body), err
}

func TestServer(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
	require.NoError(t, err)
	require.Equal(t, "http://"+server.Addr().String()+"/", server.URL())
	status, text, err := get(t.Context(), server.URL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.True(t, strings.HasPrefix(text, "<!doctype html>"))
	_, err = control.Listen(cluster, server.Addr().String(), control.Config{})
	require.Error(t, err, "the port is taken")
	_, err = control.Listen(cluster, "127.0.0.1:0", control.Config{Hosts: []string{"*"}})
	require.Error(t, err)

	// Close ends what waits, and takes the faults along. That it does not wait for the rates
	// is for TestHandlerCloseEndsWaiting: here a machine that stands still has them measured
	// before Close begins, and they are asked for again.
	answered := make(chan int, 1)
	go func() { // ends with the server
		status := http.StatusOK
		for status == http.StatusOK {
			status, _, _ = get(t.Context(), server.URL()+"v1/rates?millis=10000")
		}
		answered <- status
	}()
	require.Eventually(t, func() bool { return serving(t, server) }, patience, time.Millisecond)
	require.NoError(t, server.Close())
	require.Contains(t, []int{0, http.StatusServiceUnavailable}, <-answered, "it was not answered in full")
	require.NoError(t, server.Close())
	_, _, err = get(t.Context(), server.URL())
	require.Error(t, err)

	everywhere, err := control.Listen(cluster, ":0", control.Config{})
	require.NoError(t, err)
	defer everywhere.Close()
	require.Contains(t, everywhere.URL(), "http://localhost:")
	status, _, err = get(t.Context(), everywhere.URL())
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}

// serving reports whether the server answers.
func serving(t *testing.T, server *control.Server) bool {
	t.Helper()
	status, _, err := get(t.Context(), server.URL()+"v1/cluster")
	return err == nil && status == http.StatusOK
}

// The address that a server says it has leads to it, also where it is none of loopback.
func TestServerAllowsItsAddress(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	addrs, err := net.InterfaceAddrs()
	require.NoError(t, err)
	others := 0
	for _, addr := range addrs {
		ip, ok := addr.(*net.IPNet)
		if !ok || !ip.IP.IsLoopback() && ip.IP.IsLinkLocalUnicast() { // which need a zone
			continue
		}
		server, err := control.Listen(cluster, net.JoinHostPort(ip.IP.String(), "0"), control.Config{Hosts: []string{"rocketmq"}})
		require.NoError(t, err)
		status, text, err := get(t.Context(), server.URL()+"v1/topics")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status, "%s: %s", server.URL(), text)
		require.NoError(t, server.Close())
		if !ip.IP.IsLoopback() {
			others++
		}
	}
	if others == 0 {
		t.Skip("this machine has no address but loopback")
	}
}

// What docs/control.md says of paths that are not escaped.
func TestServerRefusesBadEscapes(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	thrice(t, func() error {
		conn, err := net.Dial("tcp", server.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /v1/groups/%RETRY%billing HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return err
		}
		answer, err := io.ReadAll(conn)
		if err == nil && !strings.HasPrefix(string(answer), "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain") {
			err = fmt.Errorf("the answer is %q", answer)
		}
		return err
	})
}

// thrice tries something up to three times. A server waits some seconds for a client to
// say what it wants, and closes the connection of one that stands still.
func thrice(t *testing.T, try func() error) {
	t.Helper()
	for n := 1; ; n++ {
		err := try()
		if err == nil {
			return
		}
		require.Less(t, n, 3, "%v", err)
		t.Logf("try %d has failed: %v", n, err)
	}
}

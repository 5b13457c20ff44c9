package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"
)

var pageURL = regexp.MustCompile(`msg=page url=(\S+)`)

// ask makes a request of the control port.
func ask(t *testing.T, method, url, body, host string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Host = host
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, string(text)
}

// With -http there is the page, and what is asked for over HTTP happens to clients.
func TestHTTP(t *testing.T) {
	i := start(t, "-http", "127.0.0.1:0", "-http-host", "rocketmq", "-topic", "orders:1")
	found := pageURL.FindStringSubmatch(i.log.String())
	require.NotNil(t, found, i.log)
	url := found[1]
	require.NotContains(t, i.log.String(), "level=WARN")
	status, text := ask(t, http.MethodGet, url, "", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, text, "<h1>Servers</h1>")

	pub := newPublisher(t, clusterAt(i.nameServer))
	status, text = ask(t, http.MethodPost, url+"v1/faults", `{"kind":"answer","code":"MESSAGE_ILLEGAL","requests":["SEND"],"times":1}`, "")
	require.Equal(t, http.StatusCreated, status, text)
	require.Error(t, pub.Publish("orders", message.NewMessage("refused", nil)))
	require.NoError(t, pub.Publish("orders", message.NewMessage("taken", []byte("a book"))))
	status, text = ask(t, http.MethodGet, url+"v1/messages?name=taken", "", "rocketmq:80")
	require.Equal(t, http.StatusOK, status, text)
	require.Contains(t, text, `"text": "a book"`)
	status, _ = ask(t, http.MethodGet, url, "", "elsewhere")
	require.Equal(t, http.StatusForbidden, status)
	require.Equal(t, exitOK, i.stop())
	_, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/"))
	require.Error(t, err)
}

// Whoever opens the port to others is warned, and one that is taken is an error.
func TestHTTPAddresses(t *testing.T) {
	i := start(t, "-http", ":0")
	require.Contains(t, i.log.String(), "level=WARN msg=\"whoever reaches the page")
	found := pageURL.FindStringSubmatch(i.log.String())
	require.NotNil(t, found, i.log)
	require.Contains(t, found[1], "http://localhost:")
	_, port, err := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(found[1], "http://"), "/"))
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-http", ":"+port), &stdout, &stderr))
	require.Contains(t, stderr.String(), "address already in use")
	require.Empty(t, stdout.String())
	without := start(t)
	require.NotContains(t, without.log.String(), "msg=page")
}

// A program finds the page on the second line.
func TestControlURL(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], append(anyPorts[:len(anyPorts):len(anyPorts)], "-http", "127.0.0.1:0")...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan())
	require.True(t, strings.HasPrefix(lines.Text(), "NAMESRV_ADDR="), lines.Text())
	require.True(t, lines.Scan())
	url, ok := strings.CutPrefix(lines.Text(), "CONTROL_URL=")
	require.True(t, ok, lines.Text())
	status, _ := ask(t, http.MethodGet, url, "", "")
	require.Equal(t, http.StatusOK, status)
	cancel()
	require.Error(t, cmd.Wait(), "it was killed")
}

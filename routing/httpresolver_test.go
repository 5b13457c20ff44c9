package routing_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// endpoint answers every request with a status and a body.
func endpoint(t *testing.T, status int, body string) *httptest.Server {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/rocketmq/nsaddr" {
			status = http.StatusTeapot
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

// The first line counts, as in DefaultTopAddressing of 5.5.0.
func TestHTTPResolver(t *testing.T) {
	for body, want := range map[string][]string{
		"a:9876":                            {"a:9876"},
		"a:9876;b:9876":                     {"a:9876", "b:9876"},
		"\n  a:9876 ; b:9876;\r\nc:9876\n":  {"a:9876", "b:9876"},
		"[::1]:9876;;127.0.0.1:9876\n# end": {"[::1]:9876", "127.0.0.1:9876"},
	} {
		got, err := routing.HTTPResolver{URL: endpoint(t, 200, body).URL + "/rocketmq/nsaddr"}.Resolve(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestHTTPResolverFailures(t *testing.T) {
	for name, tc := range map[string]struct {
		status     int
		body, text string
	}{
		"not found": {404, "a:9876", "status 404 Not Found, want 200"},
		"no body":   {200, "", "no address in it"},
		"no list":   {200, " ;; ", "no address in it"},
		"endless":   {200, strings.Repeat("a:9876;", 10_000), "more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			server := endpoint(t, tc.status, tc.body)
			_, err := routing.HTTPResolver{URL: server.URL + "/rocketmq/nsaddr"}.Resolve(t.Context())
			require.ErrorContains(t, err, tc.text)
			require.ErrorContains(t, err, server.URL)
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		server := endpoint(t, 200, "a:1")
		server.Close()
		_, err := routing.HTTPResolver{URL: strings.Replace(server.URL, "//", "//user:secret@", 1)}.Resolve(t.Context())
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	})
	t.Run("silent", func(t *testing.T) {
		over := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
		defer server.Close()
		defer close(over)
		_, err := routing.HTTPResolver{URL: server.URL, Timeout: 10 * time.Millisecond}.Resolve(t.Context())
		require.ErrorContains(t, err, "deadline exceeded")
	})
}

// However it is printed, by itself or within a configuration, the password of the URL
// is not shown.
func TestHTTPResolverHidesThePassword(t *testing.T) {
	for _, u := range []string{"http://user:5ecret@host:8080/list", "ht tp://user:5ecret@host"} {
		r := routing.HTTPResolver{URL: u}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			for _, v := range []any{r, &r, struct{ Resolver routing.Resolver }{r}} {
				require.NotContains(t, fmt.Sprintf(verb, v), "5ecret", verb)
			}
		}
	}
	require.Equal(t, "http://user:xxxxx@host:8080/list", routing.HTTPResolver{URL: "http://user:5ecret@host:8080/list"}.String())
}

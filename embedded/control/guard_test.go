package control_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// A name that leads here and is not ours is refused: a page may have made it lead here.
func TestForeignHosts(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/v1/topics", "/style.css", "/nothing"} {
		for _, name := range []string{"evil.example", "evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example:8081", "10.0.0.1", "", "[::2]:80", "0.0.0.0:8081", "localhost:80:80"} {
			w.refused(http.StatusForbidden, http.MethodGet, path, "", host(name))
		}
	}
	for _, name := range []string{"localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:8081", "[::1]:8081", "::1", "[::1]"} {
		status, text := w.try(http.MethodGet, "/v1/topics", "", host(name))
		require.Equal(t, http.StatusOK, status, "%s: %s", name, text)
	}
	handler, err := control.New(w.cluster, control.Config{Hosts: []string{"RocketMQ", "10.0.0.1", "[2001:DB8::1]", "2001:db8:0::2", "::ffff:10.0.0.3"}})
	require.NoError(t, err)
	named := &world{t, w.cluster, handler}
	for _, name := range []string{"rocketmq:8081", "10.0.0.1:8081", "localhost", "[2001:db8::1]:8081", "[2001:db8:0:0::1]", "[2001:DB8::2]:8081", "10.0.0.3:8081", "[::ffff:10.0.0.1]:1"} {
		status, _ := named.try(http.MethodGet, "/v1/topics", "", host(name))
		require.Equal(t, http.StatusOK, status, name)
	}
	named.refused(http.StatusForbidden, http.MethodGet, "/v1/topics", "", host("10.0.0.2"))
	told := named.refused(http.StatusForbidden, http.MethodGet, "/v1/topics", "", host("[2001:db8::3]:8081"))
	require.Contains(t, told, "-http-host of rocketmq-dev")
	for _, bad := range []string{"", "rocketmq:8081", "*", "http://rocketmq", "[]", "[::1]:8081", "[rocketmq", "rocket:mq:1", "[::1"} {
		_, err := control.New(w.cluster, control.Config{Hosts: []string{bad}})
		require.Error(t, err, bad)
	}
}

// What a page of another origin has a browser ask for is refused, and changes nothing.
func TestForeignOrigins(t *testing.T) {
	w := newWorld(t)
	for _, one := range []struct{ method, path, body string }{
		{http.MethodPost, "/v1/faults", `{"kind":"drop"}`},
		{http.MethodPost, "/v1/brokers/broker-a/stop", ""},
		{http.MethodPost, "/v1/cluster/reset", ""},
		{http.MethodPut, "/v1/topics/new", `{"queues":1}`},
		{http.MethodDelete, "/v1/topics/orders", ""},
		{http.MethodDelete, "/v1/faults", ""},
		{"PURGE", "/v1/faults", ""},
	} {
		for _, from := range []func(*http.Request){
			header("Origin", "https://evil.example"),
			header("Origin", "null"),
			header("Origin", "http://127.0.0.1:9999"),
			header("Sec-Fetch-Site", "cross-site"),
			header("Sec-Fetch-Site", "same-site"),
			header("Sec-Fetch-Site", "nonsense"),
		} {
			w.refused(http.StatusForbidden, one.method, one.path, one.body, from)
		}
	}
	require.True(t, w.cluster.Broker(0).Running())
	require.NotEmpty(t, w.cluster.Broker(0).Queues("orders"))
	require.Empty(t, w.cluster.Broker(0).Queues("new"))
	require.Empty(t, read[faults](w, "/v1/faults").Faults)

	// Nor may it read, but a link may lead to the page.
	for _, site := range []string{"cross-site", "same-site"} {
		w.refused(http.StatusForbidden, http.MethodGet, "/v1/topics", "", header("Sec-Fetch-Site", site))
		w.refused(http.StatusForbidden, http.MethodGet, "/", "", header("Sec-Fetch-Site", site))
		navigate := func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", "navigate")
		}
		w.refused(http.StatusForbidden, http.MethodGet, "/v1/topics", "", navigate)
		status, _ := w.try(http.MethodGet, "/", "", navigate)
		require.Equal(t, http.StatusOK, status)
	}
	for _, own := range []func(*http.Request){
		header("Origin", "http://127.0.0.1:8081"), header("Sec-Fetch-Site", "same-origin"), header("Sec-Fetch-Site", "none"),
	} {
		status, text := w.try(http.MethodPost, "/v1/cluster/reset", "", own)
		require.Equal(t, http.StatusNoContent, status, text)
	}
}

// A form cannot declare its body as JSON.
func TestContentType(t *testing.T) {
	w := newWorld(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json/x", "text/json"} {
		w.refused(http.StatusUnsupportedMediaType, http.MethodPost, "/v1/faults", `{"kind":"drop"}`, header("Content-Type", kind))
		w.refused(http.StatusUnsupportedMediaType, http.MethodPost, "/v1/brokers/broker-a/stop", `{}`, header("Content-Type", kind))
	}
	require.Empty(t, read[faults](w, "/v1/faults").Faults)
	require.True(t, w.cluster.Broker(0).Running())
	status, _ := w.try(http.MethodPost, "/v1/faults", `{"kind":"drop","topic":"none"}`, header("Content-Type", "application/json; charset=utf-8"))
	require.Equal(t, http.StatusCreated, status)
}

func TestBodiesAreBounded(t *testing.T) {
	w := newWorld(t)
	long := `{"kind":"drop","remark":"` + strings.Repeat("x", 1<<20) + `"}`
	require.Contains(t, w.refused(http.StatusRequestEntityTooLarge, http.MethodPost, "/v1/faults", long), "1048576")
	w.refused(http.StatusRequestEntityTooLarge, http.MethodPost, "/v1/brokers/broker-a/stop", long)
	require.True(t, w.cluster.Broker(0).Running())
}

func TestMethodsAndPaths(t *testing.T) {
	w := newWorld(t)
	answer := w.do(http.MethodPatch, "/v1/topics/orders", "")
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
	require.Equal(t, "DELETE, GET, PUT", answer.Header.Get("Allow"))
	w.refused(http.StatusMethodNotAllowed, http.MethodGet, "/v1/brokers/broker-a/stop", "")
	w.refused(http.StatusMethodNotAllowed, http.MethodPost, "/", "")
	require.True(t, w.cluster.Broker(0).Running())
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/v2/topics", "/v1/topics/", "/v1/topics/a/b", "/v1/../v1/topics", "//v1/topics", "/.git", "/page/page.js"} {
		w.refused(http.StatusNotFound, http.MethodGet, path, "")
	}
	head := w.do(http.MethodHead, "/v1/topics", "")
	require.Equal(t, http.StatusOK, head.StatusCode)
}

func TestHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/topics", "/style.css", "/page.js", "/v1/topics", "/nothing"} {
		h := w.do(http.MethodGet, path, "").Header
		policy := h.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.Contains(t, policy, "frame-ancestors 'none'")
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", h.Get("X-Frame-Options"))
		require.Equal(t, "no-store", h.Get("Cache-Control"))
		require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
		require.Equal(t, "no-referrer", h.Get("Referrer-Policy"))
		require.Empty(t, h.Get("Access-Control-Allow-Origin"))
		require.NotEmpty(t, h.Get("Content-Type"))
	}
}

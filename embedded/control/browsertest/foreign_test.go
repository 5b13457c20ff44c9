package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

// foreignPage does what a page of another origin can do to the control port: it asks with
// fetch, in the ways that need no leave and in those that do, sends a form, and puts the
// page into a frame. What it could read is in window.got.
const foreignPage = `<!doctype html><title>foreign</title>
<iframe name="answer"></iframe><iframe id="framed" src="%[1]s"></iframe>
<form target="answer" method="post" action="%[1]sv1/brokers/broker-a/stop" enctype="text/plain"><input name='{"a":"' value='"}'></form>
<script>
window.got = [];
(async () => {
  const ask = async (path, options) => {
    try {
      const answer = await fetch('%[1]s' + path, options);
      const text = await answer.text();
      if (text !== '') window.got.push(path + ': ' + text);
    } catch { /* as it should be */ }
  };
  await ask('v1/topics', {});
  await ask('v1/topics', {mode: 'no-cors'});
  await ask('v1/brokers/broker-a/stop', {method: 'POST', mode: 'no-cors'});
  await ask('v1/brokers/broker-a/kill', {method: 'POST'});
  await ask('v1/faults', {method: 'POST', mode: 'no-cors', body: '{"kind":"drop"}'});
  await ask('v1/faults', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"kind":"drop"}'});
  await ask('v1/topics/orders', {method: 'DELETE'});
  const sent = new Promise((done) => document.querySelector('[name=answer]').addEventListener('load', done));
  document.querySelector('form').submit();
  await sent;
  document.title = 'done';
})();
</script>`

// asked are the requests that have reached the control port, with their status.
type asked struct {
	mu   sync.Mutex
	list []string
}

func (a *asked) serve(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := statusWriter{w, http.StatusOK}
		h.ServeHTTP(&status, r)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.list = append(a.list, fmt.Sprintf("%s %s %d", r.Method, r.URL.Path, status.code))
	})
}

func (a *asked) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string{}, a.list...)
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// A page of another origin neither reads nor changes anything, nor shows the page in a
// frame, and a foreign name that leads to this machine shows nothing.
func TestForeignPages(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1))
	require.NoError(t, err)
	defer cluster.Close()
	handler, err := control.New(cluster, control.Config{})
	require.NoError(t, err)
	defer handler.Close()
	var reached asked
	server := httptest.NewServer(reached.serve(handler))
	defer server.Close()
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, foreignPage, server.URL+"/")
	}))
	defer foreign.Close()

	b := startBrowser(t, foreign.URL+"/", chromedp.Flag("host-resolver-rules", "MAP evil.example 127.0.0.1"))
	run(t, b, chromedp.Navigate(foreign.URL))
	b.await(t, `document.title === 'done'`)
	require.Empty(t, value[[]string](t, b, `window.got`))
	refusal := regexp.MustCompile("frame-ancestors|X-Frame-Options")
	require.Eventually(t, func() bool { return slices.ContainsFunc(b.troubles.take(), refusal.MatchString) },
		patience, 10*time.Millisecond, "the browser has refused to show it in a frame")
	list := reached.all()
	for _, want := range []string{
		"GET /v1/topics 403", "POST /v1/brokers/broker-a/stop 403", "POST /v1/brokers/broker-a/kill 403", "POST /v1/faults 403",
	} {
		require.Contains(t, list, want, "it was asked, and refused")
	}
	for _, one := range list {
		require.True(t, strings.HasSuffix(one, " 403") || strings.HasPrefix(one, "GET / ") || strings.HasPrefix(one, "OPTIONS "), one)
	}
	require.True(t, cluster.Broker(0).Running())
	require.NotEmpty(t, cluster.Broker(0).Queues("orders"))

	rebound := strings.Replace(server.URL, "127.0.0.1", "evil.example", 1)
	run(t, b, chromedp.Navigate(rebound+"/v1/topics"))
	b.await(t, `document.body.innerText.includes('evil.example') && document.body.innerText.includes('403')`)
	require.NotContains(t, b.text(t, "body"), "orders")
}

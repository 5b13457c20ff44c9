package control_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// world is a cluster in memory with a Handler.
type world struct {
	*testing.T
	cluster *embedded.Cluster
	handler *control.Handler
}

func newWorld(t *testing.T, opts ...embedded.Option) *world {
	t.Helper()
	cluster, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic("orders", 2)}, opts...)...)
	require.NoError(t, err)
	handler, err := control.New(cluster, control.Config{})
	require.NoError(t, err)
	t.Cleanup(func() {
		handler.Close()
		require.NoError(t, cluster.Close())
	})
	return &world{t, cluster, handler}
}

// do makes a request as curl does, with a body in JSON if there is any.
func (w *world) do(method, path, body string, change ...func(*http.Request)) *http.Response {
	w.Helper()
	r := httptest.NewRequestWithContext(w.Context(), method, "http://127.0.0.1:8081"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, f := range change {
		f(r)
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

// ok makes a request that succeeds.
func (w *world) ok(method, path, body string) string {
	w.Helper()
	status, text := w.try(method, path, body)
	require.Less(w, status, 300, "%s %s: %s", method, path, text)
	return text
}

func (w *world) try(method, path, body string, change ...func(*http.Request)) (int, string) {
	w.Helper()
	answer := w.do(method, path, body, change...)
	text, err := io.ReadAll(answer.Body)
	require.NoError(w, err)
	return answer.StatusCode, string(text)
}

// refused makes a request that fails, and returns what the client is told.
func (w *world) refused(status int, method, path, body string, change ...func(*http.Request)) string {
	w.Helper()
	got, text := w.try(method, path, body, change...)
	require.Equal(w, status, got, "%s %s: %s", method, path, text)
	var answer struct {
		Error struct {
			Status  int    `json:"status"`
			Message string `json:"message"`
		} `json:"error"`
	}
	require.NoError(w, json.Unmarshal([]byte(text), &answer), text)
	require.Equal(w, status, answer.Error.Status)
	require.NotEmpty(w, answer.Error.Message)
	return answer.Error.Message
}

// read is a GET whose answer is a T.
func read[T any](w *world, path string) T {
	w.Helper()
	var v T
	require.NoError(w, json.Unmarshal([]byte(w.ok(http.MethodGet, path, "")), &v))
	return v
}

// patience bounds what a test waits for. On a busy machine any of it may stand still for
// half a minute, more than once.
const patience = 3 * time.Minute

// publisher is a Publisher that sends each message once and to the queues in turn, however
// slow the machine is: an attempt that runs out of time is made again, and may store twice.
func (w *world) publisher() *publisher.Publisher {
	w.Helper()
	return w.publisherOf(publisher.Config{AttemptTimeout: patience, Avoidance: publisher.AvoidanceConfig{Disabled: true}})
}

// publisherOf is a Publisher of the producer group shop, with patience.
func (w *world) publisherOf(c publisher.Config) *publisher.Publisher {
	w.Helper()
	c.Cluster, c.ProducerGroup, c.SendTimeout = w.cluster.Config(), "shop", patience
	pub, err := publisher.New(c, nil)
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, pub.Close()) })
	return pub
}

// introduce has the brokers know a Publisher. A heartbeat that runs out of time ends the
// connection that it was on, and what is sent on that one is sent again: the next heartbeat
// comes after half a minute.
func (w *world) introduce(pub *publisher.Publisher) {
	w.Helper()
	_, err := pub.Check(w.Context())
	require.NoError(w, err)
}

func (w *world) publish(topic string, messages ...*message.Message) {
	w.Helper()
	require.NoError(w, w.publisher().Publish(topic, messages...))
}

// newClient is a client of the wire alone.
func newClient(w *world) *transport.Client {
	w.Helper()
	client, err := transport.New(transport.Config{Dial: w.cluster.Dial, DialTimeout: patience})
	require.NoError(w, err)
	w.Cleanup(func() { require.NoError(w, client.Close()) })
	return client
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

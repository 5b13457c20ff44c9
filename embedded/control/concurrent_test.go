package control_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Everything can be asked for by many at once, while messages are published, faults come
// and go and brokers as well. The race detector watches.
func TestConcurrent(t *testing.T) {
	w := newWorld(t, embedded.WithBrokers(2))
	pub := w.publisherOf(publisher.Config{})
	requests := [][3]string{
		{"GET", "/", ""},
		{"GET", "/topics", ""},
		{"GET", "/groups", ""},
		{"GET", "/clients", ""},
		{"GET", "/faults", ""},
		{"GET", "/messages?topic=orders", ""},
		{"GET", "/messages?name=a", ""},
		{"GET", "/v1/cluster", ""},
		{"GET", "/v1/topics", ""},
		{"GET", "/v1/groups", ""},
		{"GET", "/v1/clients", ""},
		{"GET", "/v1/faults", ""},
		{"GET", "/v1/rates?millis=1", ""},
		{"POST", "/v1/faults", `{"kind":"answer","code":"SYSTEM_BUSY","requests":["SEND"],"times":2}`},
		{"POST", "/v1/faults", `{"kind":"storeThenDrop","requests":["SEND"],"times":1}`},
		{"DELETE", "/v1/faults", ""},
		{"POST", "/v1/brokers/broker-b/kill", ""},
		{"POST", "/v1/brokers/broker-b/drop-connections", ""},
		{"PUT", "/v1/brokers/broker-b/condition", `{"condition":"busy"}`},
		{"POST", "/v1/clock/advance", `{"millis":10}`},
		{"PUT", "/v1/topics/other", `{"queues":2}`},
		{"DELETE", "/v1/topics/other", ""},
		{"POST", "/v1/cluster/reset", ""},
	}
	const workers, rounds = 6, 10
	var working sync.WaitGroup
	for worker := range workers {
		working.Go(func() {
			for i := range rounds * len(requests) {
				r := requests[(i+worker*7)%len(requests)]
				rq := httptest.NewRequestWithContext(t.Context(), r[0], "http://localhost"+r[1], strings.NewReader(r[2]))
				rq.Header.Set("Content-Type", "application/json")
				answer := httptest.NewRecorder()
				w.handler.ServeHTTP(answer, rq)
				assert.Contains(t, []int{200, 201, 204, 404}, answer.Code, "%s %s: %s", r[0], r[1], answer.Body)
			}
		})
	}
	for range 100 {
		require.NoError(t, pub.Publish("orders", message.NewMessage("a", []byte("x"))))
	}
	working.Wait()
	w.ok(http.MethodPost, "/v1/cluster/reset", "")
	require.NoError(t, pub.Publish("orders", message.NewMessage("last", nil)))
	found := read[messages](w, "/v1/messages?name=last").Messages
	require.NotEmpty(t, found, "what was acknowledged is there")
}

// A server that many start at once is started, and all of them hear that it is.
func TestStartsAtOnce(t *testing.T) {
	cluster, err := embedded.Start() // with sockets, which only one can open
	require.NoError(t, err)
	defer func() { require.NoError(t, cluster.Close()) }()
	handler, err := control.New(cluster, control.Config{})
	require.NoError(t, err)
	defer handler.Close()
	w := &world{t, cluster, handler}
	paths := []string{"/v1/brokers/broker-a/start", "/v1/nameservers/nameserver-0/start", "/v1/cluster/reset"}
	for range 50 {
		w.ok(http.MethodPost, "/v1/brokers/broker-a/kill", "")
		w.ok(http.MethodPost, "/v1/nameservers/nameserver-0/stop", "")
		var starting sync.WaitGroup
		for i := range 4 * len(paths) {
			starting.Go(func() {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost"+paths[i%len(paths)], nil)
				answer := httptest.NewRecorder()
				w.handler.ServeHTTP(answer, r)
				assert.Equal(t, http.StatusNoContent, answer.Code, "%s", answer.Body)
			})
		}
		starting.Wait()
		require.True(t, w.cluster.Broker(0).Running())
		require.True(t, w.cluster.NameServer(0).Running())
	}
}

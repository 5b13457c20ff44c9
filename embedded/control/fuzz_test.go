package control_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

// FuzzControl sends any request. Whatever it is:
//
//   - there is no panic, and the answer has a status that says something;
//   - an error of the paths of JSON is JSON, and says its status and why;
//   - the headers that bound what a browser makes of the answer are there;
//   - the cluster still works: a reset brings its broker back.
func FuzzControl(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/v1/topics", ""},
		{"GET", "/v1/topics/orders/messages?queue=0&offset=0&limit=1", ""},
		{"GET", "/v1/topics/orders/messages/broker-a/0/0", ""},
		{"GET", "/v1/messages?name=a", ""},
		{"GET", "/v1/groups/a%2Fb", ""},
		{"PUT", "/v1/topics/new", `{"queues":1}`},
		{"DELETE", "/v1/topics/new", ""},
		{"POST", "/v1/faults", `{"kind":"answer","code":"SYSTEM_BUSY","requests":["SEND"],"times":1,"delayMillis":5}`},
		{"DELETE", "/v1/faults/1", "{}"},
		{"POST", "/v1/brokers/broker-a/stop", ""},
		{"PUT", "/v1/brokers/broker-a/condition", `{"condition":"hanging"}`},
		{"POST", "/v1/clock/advance", `{"millis":1}`},
		{"GET", "/messages?topic=orders&broker=broker-a&queue=0&offset=1", ""},
		{"GET", "/message?topic=orders&broker=broker-a&queue=-1&offset=99999999999999999999", ""},
		{"PATCH", "/%zz/..//%2e", "\x00"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1))
	require.NoError(f, err)
	handler, err := control.New(cluster, control.Config{})
	require.NoError(f, err)
	f.Cleanup(func() {
		handler.Close()
		require.NoError(f, cluster.Close())
	})
	serve := func(method, target, body string) *httptest.ResponseRecorder {
		r, err := http.NewRequest(method, "http://127.0.0.1:8081"+target, strings.NewReader(body))
		if err != nil {
			return nil // no client can send it
		}
		r.RequestURI, r.RemoteAddr = target, "127.0.0.1:1"
		r.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		return recorder
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if strings.HasPrefix(target, "/v1/rates") || strings.HasPrefix(target, "/v1/clock") && len(body) > 14 {
			return // which take the time that they are asked to take
		}
		answer := serve(method, "/"+strings.TrimPrefix(target, "/"), body)
		if answer == nil {
			return
		}
		require.GreaterOrEqual(t, answer.Code, 200)
		require.NotEqual(t, http.StatusInternalServerError, answer.Code, answer.Body.String())
		require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
		require.True(t, utf8.Valid(answer.Body.Bytes()))
		if kind := answer.Header().Get("Content-Type"); answer.Code >= 400 && strings.HasPrefix(kind, "application/json") {
			var e struct {
				Error struct {
					Status  int
					Message string
				}
			}
			require.NoError(t, json.NewDecoder(bytes.NewReader(answer.Body.Bytes())).Decode(&e))
			require.Equal(t, answer.Code, e.Error.Status)
			require.NotEmpty(t, e.Error.Message)
		}
		require.Equal(t, http.StatusNoContent, serve(http.MethodPost, "/v1/cluster/reset", "").Code)
		require.True(t, cluster.Broker(0).Running())
		require.Equal(t, embedded.Well, cluster.Broker(0).Condition())
	})
}

package control_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

// A Handler that is closed waits for what it has begun, and begins nothing more, so that
// the cluster can be closed.
func TestHandlerCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		body, writer := io.Pipe()
		var status atomic.Int64
		go func() {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/v1/brokers/broker-a/stop", body)
			r.Header.Set("Content-Type", "application/json")
			recorder := httptest.NewRecorder()
			w.handler.ServeHTTP(recorder, r)
			status.Store(int64(recorder.Code))
		}()
		_, err := io.WriteString(writer, "{")
		require.NoError(t, err)
		var closed atomic.Int64
		for range 2 {
			go func() {
				w.handler.Close()
				closed.Add(1)
			}()
		}
		synctest.Wait()
		require.Zero(t, closed.Load(), "a request is under way")
		require.Contains(t, w.refused(http.StatusServiceUnavailable, http.MethodPost, "/v1/brokers/broker-a/start", ""), "closed")
		w.refused(http.StatusServiceUnavailable, http.MethodGet, "/", "")
		require.NoError(t, writer.CloseWithError(errors.New("the client is gone")))
		synctest.Wait()
		require.EqualValues(t, 2, closed.Load())
		require.EqualValues(t, http.StatusBadRequest, status.Load())
	})
}

// What a request waits for ends with the Handler.
func TestHandlerCloseEndsWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		statuses := make(chan int, 1)
		go func() {
			status, _ := w.try(http.MethodGet, "/v1/rates?millis=10000", "")
			statuses <- status
		}()
		synctest.Wait()
		began := time.Now()
		w.handler.Close()
		require.Equal(t, http.StatusServiceUnavailable, <-statuses)
		require.Zero(t, time.Since(began))
	})
}

// A search ends when nobody waits for it.
func TestSearchEnds(t *testing.T) {
	w := newWorld(t)
	gone := func(r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		*r = *r.WithContext(ctx)
	}
	w.refused(http.StatusServiceUnavailable, http.MethodGet, "/v1/messages?name=a", "", gone)
	status, _ := w.try(http.MethodGet, "/messages?name=a", "", gone)
	require.Equal(t, http.StatusServiceUnavailable, status)
}

// A server does not wait for connections that browsers keep for requests to come. On a busy
// machine Close may take long for other reasons, so one of some tries has to be quick.
func TestServerCloseWithFreshConnections(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	for tries := 5; ; tries-- {
		if closeWithFreshConnection(t, cluster) < 5*time.Second { // http.Server waits for that long
			return
		}
		require.Greater(t, tries, 1, "it waits each time")
	}
}

// closeWithFreshConnection closes a server to which there is a connection without a request,
// and returns how long Close took.
func closeWithFreshConnection(t *testing.T, cluster *embedded.Cluster) time.Duration {
	t.Helper()
	server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
	require.NoError(t, err)
	fresh, err := net.Dial("tcp", server.Addr().String())
	require.NoError(t, err)
	defer fresh.Close()
	require.True(t, serving(t, server), "connections are accepted in turn: the first one is")
	began := time.Now()
	require.NoError(t, server.Close())
	took := time.Since(began)
	_, err = fresh.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, net.ErrClosed)
	return took
}

// A client that does not go on sending is cut off after some seconds. Close has done its work then.
func TestServerCloseWithSlowClient(t *testing.T) {
	t.Parallel()
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	thrice(t, func() error {
		server, err := control.Listen(cluster, "127.0.0.1:0", control.Config{})
		require.NoError(t, err)
		defer func() { require.NoError(t, server.Close()) }()
		slow, err := net.Dial("tcp", server.Addr().String())
		require.NoError(t, err)
		defer slow.Close()
		_, err = io.WriteString(slow, "POST /v1/faults HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
		if err != nil {
			return err
		}
		_, err = io.ReadFull(slow, make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n")))
		if err != nil {
			return fmt.Errorf("the body is not being read: %w", err)
		}
		return server.Close()
	})
}

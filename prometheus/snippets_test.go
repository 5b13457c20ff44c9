package promrocketmq_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	promrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/prometheus"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// What stands between the marks is in docs/observability.md as well.

func observed(ctx context.Context, cluster rocketmq.Cluster, registry *prometheus.Registry, logger watermill.LoggerAdapter) error {
	get := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	http := http.NewServeMux() // a program has one, here each run of the test
	// SNIPPET:
	metrics, err := promrocketmq.New(promrocketmq.Config{Registerer: registry})
	if err != nil {
		return err
	}
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster,
		Hooks:   []publisher.Hooks{metrics.PublisherHooks()},
	}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	metrics.AddPublisher(pub)
	sub, err := subscriber.New(subscriber.Config{
		Cluster: cluster,
		Group:   "billing",
		Hooks:   []subscriber.Hooks{metrics.SubscriberHooks()},
	}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	metrics.AddSubscriber(sub)
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	// :SNIPPET

	// SNIPPET:
	go metrics.PollLag(ctx, sub, promrocketmq.LagConfig{})
	// :SNIPPET
	answer := httptest.NewRecorder()
	http.ServeHTTP(answer, get)
	if !strings.Contains(answer.Body.String(), "\nrocketmq_client_connections 0\n") {
		return errors.New(answer.Body.String())
	}
	return nil
}

func TestSnippets(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cluster.Close()) })
	require.NoError(t, observed(t.Context(), cluster.Config(), prometheus.NewRegistry(), watermill.NopLogger{}))
}

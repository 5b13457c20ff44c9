package otelrocketmq_test

import (
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	otelrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/otel"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// otelHooksWith are hooks with a propagator.
func otelHooksWith(w *world, p propagation.TextMapPropagator) publisher.Hooks {
	return otelrocketmq.PublisherHooks(otelrocketmq.WithTracerProvider(w.tracers), otelrocketmq.WithPropagator(p))
}

// captureErrors returns what is reported to OpenTelemetry's handler of errors during the
// test.
func captureErrors(t *testing.T) *[]error {
	t.Helper()
	var mu sync.Mutex
	var list []error
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		list = append(list, err)
	}))
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	return &list
}

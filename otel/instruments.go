package otelrocketmq

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
	"go.opentelemetry.io/otel/trace"
)

// scope is the name of the instrumentation.
const scope = "github.com/watermill-rocketmq/watermill-rocketmq/otel"

func (c *config) tracer() trace.Tracer {
	return c.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
}

func (c *config) meter() metric.Meter {
	return c.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
}

// durationBuckets are those of the conventions, in seconds.
func durationBuckets() metric.HistogramOption {
	return metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
}

// producerInstruments are the metrics of a publisher.
type producerInstruments struct {
	sent     metric.Int64Counter
	duration metric.Float64Histogram
}

func newProducerInstruments(m metric.Meter) producerInstruments {
	sent, err := messagingconv.NewClientSentMessages(m)
	report(err)
	return producerInstruments{sent: sent.Inst(), duration: newOperationDuration(m)}
}

// consumerInstruments are the metrics of a subscriber.
type consumerInstruments struct {
	consumed metric.Int64Counter
	process  metric.Float64Histogram
	duration metric.Float64Histogram
}

func newConsumerInstruments(m metric.Meter) consumerInstruments {
	consumed, err := messagingconv.NewClientConsumedMessages(m)
	report(err)
	process, err := messagingconv.NewProcessDuration(m, durationBuckets())
	report(err)
	return consumerInstruments{consumed: consumed.Inst(), process: process.Inst(), duration: newOperationDuration(m)}
}

func newOperationDuration(m metric.Meter) metric.Float64Histogram {
	duration, err := messagingconv.NewClientOperationDuration(m, durationBuckets())
	report(err)
	return duration.Inst()
}

// report gives an error to OpenTelemetry's handler of errors. An instrument that cannot be
// made is one that does nothing.
func report(err error) {
	if err != nil {
		otel.Handle(err)
	}
}

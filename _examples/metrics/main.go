// Metrics has Watermill's component metrics count and time what a router does with
// RocketMQ, for Prometheus.
//
//	go run -C _examples ./metrics
//
// It prints:
//
//	shop_orders_handler_execution_time_seconds_count{handler_name="receipts",success="false"} 1
//	shop_orders_handler_execution_time_seconds_count{handler_name="receipts",success="true"} 3
//	shop_orders_publish_time_seconds_count{handler_name="<no handler>",publisher_name="rocketmq.Publisher",success="true"} 1
//	shop_orders_publish_time_seconds_count{handler_name="receipts",publisher_name="rocketmq.Publisher",success="true"} 3
//	shop_orders_subscriber_messages_received_total{acked="acked",handler_name="receipts",subscriber_name="rocketmq.Subscriber"} 3
//	shop_orders_subscriber_messages_received_total{acked="nacked",handler_name="receipts",subscriber_name="rocketmq.Subscriber"} 1
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/metrics"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	// A service serves the registry: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	// or metrics.ServeHTTP.
	registry := prometheus.NewRegistry()
	builder := metrics.NewPrometheusMetricsBuilder(registry, "shop", "orders")

	create := topics.Config{Enabled: true}
	rocketmqPublisher, err := publisher.New(publisher.Config{Cluster: cluster, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer rocketmqPublisher.Close()
	// For what is published outside of the router, which decorates what its handlers have by
	// itself.
	pub, err := builder.DecoratePublisher(rocketmqPublisher)
	if err != nil {
		return err
	}
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "metrics", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	builder.AddPrometheusRouterMetrics(router)

	serving, done := context.WithCancel(ctx)
	defer done()
	const orders = 3
	var handled atomic.Int64
	router.AddHandler("receipts", "metrics-orders", sub, "metrics-receipts", rocketmqPublisher, func(order *message.Message) ([]*message.Message, error) {
		switch handled.Add(1) {
		case 1:
			return nil, errors.New("out of paper")
		case orders + 1:
			done() // the router waits for this handler
		}
		return message.Messages{message.NewMessage(watermill.NewUUID(), order.Payload)}, nil
	})
	var messages []*message.Message
	for i := range orders {
		messages = append(messages, message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "order %d", i)))
	}
	if err := pub.Publish("metrics-orders", messages...); err != nil {
		return err
	}
	if err := router.Run(serving); err != nil {
		return err
	}
	return printCounts(ctx, registry, orders+1)
}

// printCounts prints the counts when those of the received messages are complete: each is
// counted soon after its ack or nack, by a goroutine of the component.
func printCounts(ctx context.Context, registry *prometheus.Registry, received float64) error {
	for {
		families, err := registry.Gather()
		if err != nil {
			return err
		}
		var lines []string
		var counted float64
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				name, value := family.GetName(), metric.GetCounter().GetValue()
				if histogram := metric.GetHistogram(); histogram != nil {
					name, value = name+"_count", float64(histogram.GetSampleCount())
				} else {
					counted += value
				}
				var labels []string
				for _, label := range metric.GetLabel() {
					labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
				}
				lines = append(lines, fmt.Sprintf("%s{%s} %v", name, strings.Join(labels, ","), value))
			}
		}
		if counted == received {
			fmt.Println(strings.Join(lines, "\n"))
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

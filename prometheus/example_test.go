package promrocketmq_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	promrocketmq "github.com/watermill-rocketmq/watermill-rocketmq/prometheus"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// A publisher and a subscriber with metrics, and what a server gets when it scrapes them.
func Example() {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1))
	if err != nil {
		log.Fatal(err)
	}
	defer cluster.Close()
	registry := prometheus.NewRegistry()
	metrics, err := promrocketmq.New(promrocketmq.Config{Registerer: registry})
	if err != nil {
		log.Fatal(err)
	}

	pub, err := publisher.New(publisher.Config{
		Cluster:     cluster.Config(),
		Hooks:       []publisher.Hooks{metrics.PublisherHooks()},
		SendTimeout: time.Minute,
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer pub.Close()
	metrics.AddPublisher(pub)
	sub, err := subscriber.New(subscriber.Config{
		Cluster:        cluster.Config(),
		Group:          "billing",
		Hooks:          []subscriber.Hooks{metrics.SubscriberHooks()},
		RequestTimeout: time.Minute,
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Close()
	metrics.AddSubscriber(sub)

	messages, err := sub.Subscribe(context.Background(), "orders")
	if err != nil {
		log.Fatal(err)
	}
	if err := pub.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
		log.Fatal(err)
	}
	(<-messages).Ack()
	if err := sub.Close(); err != nil { // the ack is counted now
		log.Fatal(err)
	}
	printMetrics(registry, "rocketmq_publisher_messages_total", "rocketmq_publisher_waiting_messages",
		"rocketmq_subscriber_deliveries_total", "rocketmq_subscriber_acks_total")
	// Output:
	// rocketmq_publisher_messages_total{outcome="may_be_stored",topic="orders"} 0
	// rocketmq_publisher_messages_total{outcome="not_sent",topic="orders"} 0
	// rocketmq_publisher_messages_total{outcome="oneway",topic="orders"} 0
	// rocketmq_publisher_messages_total{outcome="stored",topic="orders"} 1
	// rocketmq_publisher_waiting_messages 0
	// rocketmq_subscriber_acks_total{group="billing",topic="orders"} 1
	// rocketmq_subscriber_deliveries_total{delivery="again",group="billing",topic="orders"} 0
	// rocketmq_subscriber_deliveries_total{delivery="first",group="billing",topic="orders"} 1
}

// printMetrics prints what a server gets of some metrics.
func printMetrics(registry *prometheus.Registry, names ...string) {
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		for _, name := range names {
			if strings.HasPrefix(line, name) {
				fmt.Print(line)
			}
		}
	}
}

package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/requeuer"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Watermill's own middlewares in all the orders that programs have them in. Whatever
// they add to a message, it is handled once and arrives in the poison queue.
func TestMiddlewaresNeverJam(t *testing.T) {
	putOff := func(d time.Duration) message.HandlerMiddleware {
		return (&middleware.DelayOnError{InitialInterval: d, MaxInterval: d, Multiplier: 2}).Middleware
	}
	timeout := middleware.Timeout(time.Hour)
	fails := func(*message.Message) error { return errors.New("the warehouse is closed") }
	panics := func(*message.Message) error { panic(strings.Repeat("deep ", 10_000)) }
	for name, test := range map[string]struct {
		handle message.NoPublishHandlerFunc
		inner  []message.HandlerMiddleware // within the poison queue
	}{
		"poison queue":             {fails, nil},
		"delay":                    {fails, []message.HandlerMiddleware{putOff(time.Second)}},
		"delay that is no level":   {fails, []message.HandlerMiddleware{putOff(7 * time.Second)}},
		"delay of a year":          {fails, []message.HandlerMiddleware{putOff(365 * 24 * time.Hour)}},
		"panic":                    {panics, []message.HandlerMiddleware{middleware.Recoverer}},
		"panic and delay":          {panics, []message.HandlerMiddleware{putOff(time.Minute), middleware.Recoverer}},
		"timeout":                  {fails, []message.HandlerMiddleware{timeout}},
		"timeout, panic and delay": {panics, []message.HandlerMiddleware{putOff(time.Minute), timeout, middleware.Recoverer}},
		"instant ack":              {fails, []message.HandlerMiddleware{middleware.InstantAck, timeout}},
		"correlation and retry":    {fails, []message.HandlerMiddleware{middleware.CorrelationID, middleware.Retry{MaxRetries: 2}.Middleware, timeout}},
	} {
		for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cluster, err := embedded.Start(embedded.InMemory(), embedded.WithVersion(version), embedded.WithTopic(laterTopic, 2))
					if err != nil {
						t.Fatal(err)
					}
					defer cluster.Close()
					pub, err := publisher.New(publisher.Config{
						Cluster:     cluster.Config(),
						OrderingKey: func(string, *message.Message) (string, error) { return "customer 7", nil },
					}, nil)
					if err != nil {
						t.Fatal(err)
					}
					var runs atomic.Int64
					in := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
					router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
					if err != nil {
						t.Fatal(err)
					}
					poison, err := middleware.PoisonQueue(pub, laterTopic)
					if err != nil {
						t.Fatal(err)
					}
					router.AddMiddleware(func(next message.HandlerFunc) message.HandlerFunc {
						return func(msg *message.Message) ([]*message.Message, error) {
							runs.Add(1)
							return next(msg)
						}
					}, poison)
					router.AddMiddleware(test.inner...)
					router.AddConsumerHandler("orders", "orders", in, test.handle)
					ended := make(chan error, 1)
					go func() { ended <- router.Run(context.Background()) }()
					<-router.Running()
					if err := in.Publish("orders", message.NewMessage("1", []byte("a book"))); err != nil {
						t.Fatal(err)
					}
					stored, err := cluster.AwaitMessages(t.Context(), laterTopic, 1)
					if err != nil {
						t.Fatal(err)
					}
					if got := stored[0].Properties[middleware.PoisonedHandlerKey]; got != "orders" {
						t.Errorf("poisoned by %q", got)
					}
					if n := runs.Load(); n != 1 {
						t.Errorf("handled %d times", n)
					}
					if err := errors.Join(router.Close(), <-ended, pub.Close()); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// A requeuer takes what a poison queue of another Pub/Sub has, with a delay ahead.
func TestRequeuerNeverJams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic(laterTopic, 2))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		pub, err := publisher.New(publisher.Config{
			Cluster:     cluster.Config(),
			OrderingKey: func(string, *message.Message) (string, error) { return "customer 7", nil },
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		failed := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
		again, err := requeuer.NewRequeuer(requeuer.Config{
			Subscriber: failed, SubscribeTopic: "failed", Publisher: pub,
			GeneratePublishTopic: func(requeuer.GeneratePublishTopicParams) (string, error) { return laterTopic, nil },
		}, watermill.NopLogger{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- again.Run(ctx) }()
		msg := message.NewMessage("1", []byte("a book"))
		msg.Metadata.Set(middleware.ReasonForPoisonedKey, strings.Repeat("at main.handle ", 10_000))
		putOff := middleware.DelayOnError{InitialInterval: 30 * 24 * time.Hour}
		_, _ = putOff.Middleware(func(*message.Message) ([]*message.Message, error) { return nil, errors.New("closed") })(msg)
		if err := failed.Publish("failed", msg); err != nil {
			t.Fatal(err)
		}
		stored, err := cluster.AwaitMessages(t.Context(), laterTopic, 1)
		if err != nil {
			t.Fatal(err)
		}
		if got := stored[0].Properties[requeuer.RetriesKey]; got != "1" {
			t.Errorf("requeued %q times", got)
		}
		stop()
		if err := errors.Join(<-ended, pub.Close(), failed.Close()); err != nil {
			t.Error(err)
		}
	})
}

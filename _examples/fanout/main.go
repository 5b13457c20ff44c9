// Fanout gives every message to several readers, in two ways: consumer groups of
// RocketMQ, of which each gets all messages and divides them among its members, and
// Watermill's gochannel.FanOut, which shares one subscription within a process.
//
//	go run -C _examples ./fanout
//
// It prints, in any order:
//
//	billing has 4 orders, divided among 2 members
//	shipping, labels: 4 orders
//	shipping, stock: 4 orders
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"golang.org/x/sync/errgroup"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const (
	topic  = "fanout-orders"
	orders = 4
)

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	pub, err := publisher.New(publisher.Config{Cluster: cluster, CreateTopics: topics.Config{Enabled: true}}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	// join makes a member of a consumer group. Members are different processes as a
	// rule, so each has its own connections here.
	join := func(group string) (*subscriber.Subscriber, error) {
		return subscriber.New(subscriber.Config{Cluster: cluster, Group: group, CreateTopics: topics.Config{Enabled: true}}, logger)
	}
	ctx, done := context.WithCancel(ctx)
	defer done()

	// Billing: two members of one group divide the messages.
	var billed atomic.Int64
	allBilled := make(chan struct{})
	for range 2 {
		member, err := join("fanout-billing")
		if err != nil {
			return err
		}
		defer member.Close()
		messages, err := member.Subscribe(ctx, topic)
		if err != nil {
			return err
		}
		go func() {
			for msg := range messages {
				msg.Ack()
				if billed.Add(1) == orders {
					close(allBilled)
				}
			}
		}()
	}

	// Shipping: another group, with one member and two readers in its process. FanOut
	// acks a message before its readers have it: a message that a reader loses with its
	// process does not come again. Where that matters, give each reader its own group.
	member, err := join("fanout-shipping")
	if err != nil {
		return err
	}
	defer member.Close()
	shipping, err := gochannel.NewFanOut(member, logger)
	if err != nil {
		return err
	}
	defer shipping.Close()
	shipping.AddSubscription(topic)
	var readers errgroup.Group
	for _, name := range []string{"labels", "stock"} {
		messages, err := shipping.Subscribe(ctx, topic) // before FanOut runs, so that none is missed
		if err != nil {
			return err
		}
		readers.Go(func() error {
			for range orders {
				msg, ok := <-messages
				if !ok {
					return ctx.Err()
				}
				msg.Ack()
			}
			fmt.Printf("shipping, %s: %d orders\n", name, orders)
			return nil
		})
	}
	running := make(chan error, 1)
	go func() {
		defer done()
		running <- shipping.Run(ctx)
	}()

	for i := range orders {
		if err := pub.Publish(topic, message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "order %d", i))); err != nil {
			return err
		}
	}
	err = readers.Wait()
	if err == nil {
		select {
		case <-allBilled:
			fmt.Printf("billing has %d orders, divided among 2 members\n", orders)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	done()
	return errors.Join(err, <-running)
}

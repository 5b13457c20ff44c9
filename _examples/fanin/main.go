// Fanin brings the messages of several topics into one, with Watermill's component
// fanin.
//
//	go run -C _examples ./fanin
//
// It prints, in any order:
//
//	from the shop: a book
//	from the shop: a lamp
//	from the phone: a sofa
package main

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/fanin"
	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// Topics of orders by where they come from, and the one for all of them.
const (
	shopTopic  = "fanin-shop-orders"
	phoneTopic = "fanin-phone-orders"
	allTopic   = "fanin-orders"
)

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	client, err := rocketmq.Connect(cluster, logger) // for publisher and subscribers
	if err != nil {
		return err
	}
	defer client.Close()
	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{Client: client, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()

	// One subscriber for all source topics. With Engine: subscriber.Pull all members of
	// its group have to be alike, and read all of them.
	sources, err := subscriber.New(subscriber.Config{Client: client, Group: "fanin", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer sources.Close()
	collector, err := fanin.NewFanIn(sources, pub, fanin.Config{
		SourceTopics: []string{shopTopic, phoneTopic},
		TargetTopic:  allTopic,
	}, logger)
	if err != nil {
		return err
	}
	orders, err := subscriber.New(subscriber.Config{Client: client, Group: "fanin-orders", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer orders.Close()

	if err := pub.Publish(shopTopic, order("the shop", "a book"), order("the shop", "a lamp")); err != nil {
		return err
	}
	if err := pub.Publish(phoneTopic, order("the phone", "a sofa")); err != nil {
		return err
	}

	ctx, done := context.WithCancel(ctx)
	defer done()
	var group errgroup.Group
	group.Go(func() error { return collector.Run(ctx) })
	group.Go(func() error {
		defer done() // ends the fan-in, which closes its publisher
		messages, err := orders.Subscribe(ctx, allTopic)
		if err != nil {
			return err
		}
		for range 3 {
			msg, ok := <-messages
			if !ok {
				return ctx.Err()
			}
			fmt.Printf("from %s: %s\n", msg.Metadata.Get("origin"), msg.Payload)
			msg.Ack()
		}
		return nil
	})
	return group.Wait()
}

// order is an order whose metadata survives the fan-in.
func order(origin, what string) *message.Message {
	msg := message.NewMessage(watermill.NewUUID(), []byte(what))
	msg.Metadata.Set("origin", origin)
	return msg
}

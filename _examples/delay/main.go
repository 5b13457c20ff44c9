// Delay publishes messages that arrive later, with Watermill's component delay.
//
//	go run -C _examples ./delay
//
// It prints:
//
//	now: order confirmed
//	after 2 s: how was it?
//	after 4 s: you left something in the cart
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const topic = "delay-mails"

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	create := topics.Config{Enabled: true}
	rocketmqPublisher, err := publisher.New(publisher.Config{Cluster: cluster, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer rocketmqPublisher.Close()
	sub, err := subscriber.New(subscriber.Config{Cluster: cluster, Group: "delay", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()

	// delay.NewPublisher adds the delay of the context, or that of DefaultDelayGenerator,
	// to the metadata, by which RocketMQ's publisher goes.
	pub, err := delay.NewPublisher(rocketmqPublisher, delay.PublisherConfig{AllowNoDelay: true})
	if err != nil {
		return err
	}
	cart := message.NewMessage(watermill.NewUUID(), []byte("you left something in the cart"))
	cart.SetContext(delay.WithContext(ctx, delay.For(4*time.Second)))
	// Without that publisher, delay.Message does the same.
	survey := message.NewMessage(watermill.NewUUID(), []byte("how was it?"))
	delay.Message(survey, delay.For(2*time.Second))
	confirmation := message.NewMessage(watermill.NewUUID(), []byte("order confirmed"))

	messages, err := sub.Subscribe(ctx, topic)
	if err != nil {
		return err
	}
	published := time.Now()
	if err := pub.Publish(topic, cart, survey, confirmation); err != nil {
		return err
	}
	for range 3 {
		msg, ok := <-messages
		if !ok {
			return ctx.Err()
		}
		when := "now"
		if asked, err := time.ParseDuration(msg.Metadata.Get(delay.DelayedForKey)); err == nil {
			if took := time.Since(published); took < asked {
				return fmt.Errorf("%q came after %v, too early", msg.Payload, took)
			}
			when = fmt.Sprintf("after %.0f s", asked.Seconds())
		}
		fmt.Printf("%s: %s\n", when, msg.Payload)
		msg.Ack()
	}
	return nil
}

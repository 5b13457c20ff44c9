// Brokerswap is one application on three Pub/Subs: all that differs is the function
// that makes them. Kafka is kfake, which is in this process as the embedded RocketMQ is.
//
//	go run -C _examples ./brokerswap
//	go run -C _examples ./brokerswap -broker kafka
//	go run -C _examples ./brokerswap -broker gochannel
//
// It prints, in any order:
//
//	receipt for a book
//	receipt for a lamp
//	receipt for a sofa
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/twmb/franz-go/pkg/kfake"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

var broker = flag.String("broker", "rocketmq", "gochannel, kafka or rocketmq")

const (
	orders   = "brokerswap-orders"
	receipts = "brokerswap-receipts"
)

func main() { example.Main(run) }

// run makes the Pub/Sub and runs the application on it.
func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	switch *broker {
	case "rocketmq":
		return onRocketMQ(ctx, cluster, logger)
	case "kafka":
		return onKafka(ctx, logger)
	case "gochannel":
		return onGoChannel(ctx, logger)
	}
	return fmt.Errorf("unknown broker %q", *broker)
}

func onRocketMQ(ctx context.Context, cluster rocketmq.Cluster, logger watermill.LoggerAdapter) error {
	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{Cluster: cluster, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	return shop(ctx, pub, func(group string) (message.Subscriber, error) {
		return subscriber.New(subscriber.Config{Cluster: cluster, Group: group, CreateTopics: create}, logger)
	}, logger)
}

func onKafka(ctx context.Context, logger watermill.LoggerAdapter) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, orders, receipts))
	if err != nil {
		return err
	}
	defer cluster.Close()
	pub, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: cluster.ListenAddrs(), Marshaler: kafka.DefaultMarshaler{}}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	return shop(ctx, pub, func(group string) (message.Subscriber, error) {
		config := kafka.DefaultSaramaSubscriberConfig()
		config.Consumer.Offsets.Initial = sarama.OffsetOldest // the default of subscriber.Config.From
		return kafka.NewSubscriber(kafka.SubscriberConfig{
			Brokers: cluster.ListenAddrs(), Unmarshaler: kafka.DefaultMarshaler{}, ConsumerGroup: group, OverwriteSaramaConfig: config,
		}, logger)
	}, logger)
}

func onGoChannel(ctx context.Context, logger watermill.LoggerAdapter) error {
	pubSub := gochannel.NewGoChannel(gochannel.Config{}, logger)
	return shop(ctx, pubSub, func(string) (message.Subscriber, error) { return pubSub, nil }, logger)
}

// shop is the application. join makes a member of a group, which has its messages to
// itself. The router closes publisher and subscribers.
func shop(ctx context.Context, pub message.Publisher, join func(group string) (message.Subscriber, error), logger watermill.LoggerAdapter) error {
	seller, err := join("brokerswap-seller")
	if err != nil {
		return err
	}
	customer, err := join("brokerswap-customer")
	if err != nil {
		return errors.Join(err, seller.Close())
	}
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return errors.Join(err, seller.Close(), customer.Close())
	}
	router.AddHandler("seller", orders, seller, receipts, pub, func(order *message.Message) ([]*message.Message, error) {
		return message.Messages{message.NewMessage(watermill.NewUUID(), append([]byte("receipt for "), order.Payload...))}, nil
	})
	things := []string{"a book", "a lamp", "a sofa"}
	came := make(chan string, len(things))
	router.AddConsumerHandler("customer", receipts, customer, func(receipt *message.Message) error {
		came <- string(receipt.Payload)
		return nil
	})

	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	select {
	case <-router.Running(): // messages of a GoChannel go to those who are there
	case err := <-ended:
		return err
	}
	for _, thing := range things {
		if err := pub.Publish(orders, message.NewMessage(watermill.NewUUID(), []byte(thing))); err != nil {
			return errors.Join(err, router.Close(), <-ended)
		}
	}
	for range things {
		select {
		case receipt := <-came:
			fmt.Println(receipt)
		case err := <-ended:
			return err
		}
	}
	return errors.Join(router.Close(), <-ended)
}

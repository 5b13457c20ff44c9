// Quickstart is a pipeline from RocketMQ through a Watermill router to RocketMQ: orders
// are published, a handler makes a receipt of each, and what comes out is printed.
//
//	go run -C _examples ./quickstart
//
// It prints a line for each receipt, such as
//
//	receipt for order 3: broker broker-a, queue 2, offset 0, message id 7F00000100002A9F00000000000003E8
//
// Without flags RocketMQ is an embedded broker, in this process. With -data it keeps all in
// a folder, in the files of a real broker: what is there from the last run stays, and the
// group goes on behind it. With -nameserver it is a real cluster; its brokers must let
// clients create topics, or have them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

func main() {
	nameServer := flag.String("nameserver", "", "host:port of a RocketMQ name server; empty starts an embedded broker")
	data := flag.String("data", "", "folder that the embedded broker keeps its messages in; empty keeps them in memory")
	count := flag.Int("count", 10, "how many messages to send through the pipeline")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *nameServer, *data, *count); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, nameServer, data string, count int) (err error) {
	if nameServer == "" {
		var options []embedded.Option
		if data != "" {
			options = append(options, embedded.Dir(data))
		}
		cluster, err := embedded.Start(options...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, cluster.Close()) }()
		nameServer = cluster.NameServers()[0]
		fmt.Fprintln(out, "embedded RocketMQ, name server", nameServer)
	}
	ctx, done := context.WithCancel(ctx)
	defer done()

	// Before, these were the constructors of another Pub/Sub.
	cluster := rocketmq.Cluster{NameServers: []string{nameServer}}
	pub, err := publisher.New(publisher.Config{Cluster: cluster}, nil)
	if err != nil {
		return err
	}
	defer pub.Close()
	sub, err := subscriber.New(subscriber.Config{
		Cluster:      cluster,
		Group:        "quickstart",
		CreateTopics: topics.Config{Enabled: true},
	}, nil)
	if err != nil {
		return err
	}
	defer sub.Close() // the router closes it as well, and does not wait for it

	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	router.AddHandler("receipts", "shop.orders", sub, "shop.receipts", publisher.KeepOpen(pub),
		func(order *message.Message) ([]*message.Message, error) {
			receipt := message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "receipt for %s", order.Payload))
			return []*message.Message{receipt}, nil
		})
	came := make(chan string)
	router.AddConsumerHandler("printer", "shop.receipts", sub, func(receipt *message.Message) error {
		info, _ := subscriber.InfoFromContext(receipt.Context())
		line := fmt.Sprintf("%s: broker %s, queue %d, offset %d, message id %s",
			receipt.Payload, info.Broker, info.QueueID, info.QueueOffset, info.MessageID)
		select {
		case came <- line:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	go func() {
		defer done()
		for range count {
			select {
			case line := <-came:
				fmt.Fprintln(out, line)
			case <-ctx.Done():
				return
			}
		}
	}()

	for i := range count {
		order := message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "order %d", i))
		if err := pub.Publish("shop.orders", order); err != nil {
			return err
		}
	}
	return router.Run(ctx)
}

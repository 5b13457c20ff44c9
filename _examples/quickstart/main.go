// Quickstart runs a Watermill router whose handler reads orders from a GoChannel
// and publishes a receipt for each to RocketMQ, and prints where every receipt
// was stored.
//
// Without flags RocketMQ is an embedded broker, in this process. With
// -nameserver it is a real cluster; its brokers must create topics by themselves
// (autoCreateTopicEnable, the default of a new broker) or have the topic.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strconv"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

func main() {
	nameServer := flag.String("nameserver", "", "host:port of a RocketMQ name server; empty starts an embedded broker")
	count := flag.Int("count", 10, "how many messages to send through the pipeline")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *nameServer, *count); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, nameServer string, count int) error {
	if nameServer == "" {
		cluster, err := embedded.Start()
		if err != nil {
			return err
		}
		defer cluster.Close()
		nameServer = cluster.NameServers()[0]
		fmt.Fprintln(out, "embedded RocketMQ, name server", nameServer)
	}
	ctx, done := context.WithCancel(ctx)
	defer done()

	receipts, err := publisher.New(publisher.Config{
		NameServers: []string{nameServer},
		OnResult:    printer(out, count, done),
	}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	orders := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, nil)
	for i := range count {
		order := message.NewMessage(watermill.NewUUID(), []byte(strconv.Itoa(i)))
		if err := orders.Publish("orders", order); err != nil {
			return err
		}
	}

	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	router.AddHandler("receipts", "orders", orders, "shop.receipts", receipts,
		func(order *message.Message) ([]*message.Message, error) {
			receipt := message.NewMessage(watermill.NewUUID(), fmt.Appendf(nil, "receipt for order %s", order.Payload))
			return []*message.Message{receipt}, nil
		})
	return router.Run(ctx) // closes the publisher when it ends
}

// printer returns a callback that prints each result and calls done when count
// messages are stored. Results come from many goroutines at once.
func printer(out io.Writer, count int, done func()) func(publisher.Result) {
	var mu sync.Mutex
	stored := 0
	return func(r publisher.Result) {
		mu.Lock()
		defer mu.Unlock()
		if r.Err != nil {
			fmt.Fprintf(out, "message %s: %s: %v\n", r.UUID, r.Outcome, r.Err)
			return
		}
		fmt.Fprintf(out, "message %s: broker %s, queue %d, offset %d, message id %s\n",
			r.UUID, r.MessageQueue.BrokerName, r.MessageQueue.QueueID, r.QueueOffset, r.MessageID)
		if stored++; stored == count {
			done()
		}
	}
}

// Request asks a question and waits for the answer, by RocketMQ's own request and reply:
// package requestreply. The broker hands the reply to the process that has asked, so that
// there are no reply topics, and the other side may be a Java program. The example
// requestreply does it by Watermill's component.
//
//	go run -C _examples ./request
//
// It prints:
//
//	pizza: 9
//	pasta: 7
//	soup: not on the menu
//	nobody answers: stored, and perhaps handled
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"golang.org/x/sync/errgroup"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

const (
	priceTopic = "request-prices"
	emptyTopic = "request-nobody"
)

// errorKey is the metadata of a reply that has no price. An error of the handler would not
// get to who asks: the request would be handled again.
const errorKey = "error"

var create = topics.Config{Enabled: true, Queues: 4}

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	group, ctx := errgroup.WithContext(ctx)
	ctx, done := context.WithCancel(ctx)
	defer done()
	group.Go(func() error { return answer(ctx, cluster, logger) })
	group.Go(func() error {
		defer done()
		return ask(ctx, cluster, logger)
	})
	return group.Wait()
}

// answer is one side: it may be any number of other processes.
func answer(ctx context.Context, cluster rocketmq.Cluster, logger watermill.LoggerAdapter) error {
	client, err := rocketmq.Connect(cluster, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	sub, err := subscriber.New(subscriber.Config{Client: client, Group: "request", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer sub.Close()
	responder, err := requestreply.NewResponder(requestreply.ResponderConfig{Client: client}, logger)
	if err != nil {
		return err
	}
	defer responder.Close()
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	router.AddConsumerHandler("prices", priceTopic, sub, responder.Handler(price))
	return router.Run(ctx)
}

func price(request *message.Message) (*message.Message, error) {
	menu := map[string]string{"pizza": "9", "pasta": "7"}
	reply := message.NewMessage(watermill.NewUUID(), []byte(menu[string(request.Payload)]))
	if len(reply.Payload) == 0 {
		reply.Metadata.Set(errorKey, "not on the menu")
	}
	return reply, nil
}

// ask is the other side.
func ask(ctx context.Context, cluster rocketmq.Cluster, logger watermill.LoggerAdapter) error {
	requester, err := requestreply.NewRequester(requestreply.RequesterConfig{
		Publisher: publisher.Config{Cluster: cluster, ProducerGroup: "request", CreateTopics: create},
		Timeout:   time.Minute,
	}, logger)
	if err != nil {
		return err
	}
	defer requester.Close()
	for _, dish := range []string{"pizza", "pasta", "soup"} {
		reply, err := requester.Request(ctx, priceTopic, message.NewMessage(watermill.NewUUID(), []byte(dish)))
		if err != nil {
			return err
		}
		if reason := reply.Metadata.Get(errorKey); reason != "" {
			fmt.Printf("%s: %s\n", dish, reason)
			continue
		}
		fmt.Printf("%s: %s\n", dish, reply.Payload)
	}

	// There is no sign of a responder that is missing but that time runs out.
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	_, err = requester.Request(ctx, emptyTopic, message.NewMessage(watermill.NewUUID(), []byte("anybody?")))
	var failed *requestreply.RequestError
	if errors.As(err, &failed) && !failed.SafeToRetry() {
		fmt.Printf("nobody answers: %s, and perhaps handled\n", failed.Outcome)
		return nil
	}
	return err
}

// Requestreply sends commands and waits for their results, with Watermill's component
// requestreply. Each instance of the caller has one reply topic, and reads it once for
// all of its requests: a topic for each request would remain on the brokers.
//
//	go run -C _examples ./requestreply
//
// It prints, in any order:
//
//	1 + 1 = 2
//	2 + 2 = 4
//	3 + 3 = 6
//	0 + 0: nothing to add
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/components/requestreply"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"golang.org/x/sync/errgroup"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// Add is the command, and Sum its result.
type (
	Add struct{ A, B int }
	Sum struct{ Value int }
)

// replyToKey is the metadata of a command that names the topic for its reply.
const replyToKey = "reply_to"

const commandTopic = "requestreply-add"

var marshaler = cqrs.JSONMarshaler{GenerateName: cqrs.StructName}

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	client, err := rocketmq.Connect(cluster, logger)
	if err != nil {
		return err
	}
	defer client.Close()
	create := topics.Config{Enabled: true, Queues: 1}
	pub, err := publisher.New(publisher.Config{Client: client, CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	commands, err := subscriber.New(subscriber.Config{Client: client, Group: "requestreply", CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer commands.Close()
	// Without a group, and from now on: whoever comes again has missed his replies.
	replies, err := subscriber.New(subscriber.Config{Client: client, From: subscriber.Latest(), CreateTopics: create}, logger)
	if err != nil {
		return err
	}
	defer replies.Close()
	// An instance has a name that it keeps, as the host name of a pod in a stateful set
	// is. Made-up names would leave a topic behind at every start.
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	replyTopic := "requestreply-replies-" + host

	// Every request subscribes to the replies. FanOut gives all of them the messages of
	// one subscription at the brokers, so that a request costs no more than its command.
	replyFanOut, err := gochannel.NewFanOut(replies, logger)
	if err != nil {
		return err
	}
	defer replyFanOut.Close()
	replyFanOut.AddSubscription(replyTopic)
	timeout := 10 * time.Second
	backend, err := requestreply.NewPubSubBackend(requestreply.PubSubBackendConfig{
		Publisher: pub,
		SubscriberConstructor: func(requestreply.PubSubBackendSubscribeParams) (message.Subscriber, error) {
			return replyFanOut, nil
		},
		GenerateSubscribeTopic: func(requestreply.PubSubBackendSubscribeParams) (string, error) { return replyTopic, nil },
		GeneratePublishTopic: func(p requestreply.PubSubBackendPublishParams) (string, error) {
			return p.CommandMessage.Metadata.Get(replyToKey), nil
		},
		ListenForReplyTimeout: &timeout,
		AckCommandErrors:      true, // the caller hears of it; the command does not come again
		Logger:                logger,
	}, requestreply.BackendPubsubJSONMarshaler[Sum]{})
	if err != nil {
		return err
	}

	// The other side: it may be any number of other processes.
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	processor, err := cqrs.NewCommandProcessorWithConfig(router, cqrs.CommandProcessorConfig{
		GenerateSubscribeTopic: func(cqrs.CommandProcessorGenerateSubscribeTopicParams) (string, error) { return commandTopic, nil },
		SubscriberConstructor: func(cqrs.CommandProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return commands, nil
		},
		Marshaler: marshaler, Logger: logger,
	})
	if err != nil {
		return err
	}
	if err := processor.AddHandlers(requestreply.NewCommandHandlerWithResult("add", backend, add)); err != nil {
		return err
	}

	bus, err := cqrs.NewCommandBusWithConfig(pub, cqrs.CommandBusConfig{
		GeneratePublishTopic: func(cqrs.CommandBusGeneratePublishTopicParams) (string, error) { return commandTopic, nil },
		OnSend: func(p cqrs.CommandBusOnSendParams) error {
			p.Message.Metadata.Set(replyToKey, replyTopic)
			return nil
		},
		Marshaler: marshaler, Logger: logger,
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ctx, done := context.WithCancel(ctx)
	defer done()
	group.Go(func() error { return replyFanOut.Run(ctx) })
	group.Go(func() error { return router.Run(ctx) })
	group.Go(func() error {
		defer done()
		// Replies that come before the FanOut reads the topic would be missed.
		select {
		case <-replyFanOut.Running():
		case <-ctx.Done():
			return ctx.Err()
		}
		var calls errgroup.Group
		for i := range 4 {
			calls.Go(func() error {
				reply, err := requestreply.SendWithReply(ctx, bus, backend, &Add{i, i})
				switch {
				case err != nil:
					return err // it could not be sent
				case reply.Error != nil:
					fmt.Printf("%d + %d: %v\n", i, i, reply.Error)
				default:
					fmt.Printf("%d + %d = %d\n", i, i, reply.HandlerResult.Value)
				}
				return nil
			})
		}
		return calls.Wait()
	})
	return group.Wait()
}

func add(_ context.Context, command *Add) (Sum, error) {
	if command.A == 0 && command.B == 0 {
		return Sum{}, errors.New("nothing to add")
	}
	return Sum{command.A + command.B}, nil
}

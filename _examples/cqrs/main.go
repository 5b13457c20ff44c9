// Cqrs has Watermill's command and event buses and processors on RocketMQ: a command
// is handled once, and its events by each group of handlers, in the order of a guest.
//
//	go run -C _examples ./cqrs
//
// It prints, in any order:
//
//	command handler: Anna has room 1
//	command handler: Bert has room 2
//	event handler, welcome: a letter to Anna
//	event handler, welcome: a letter to Bert
//	event group, bills: Anna: room 1 booked, 100 paid
//	event group, bills: Bert: room 2 booked, 100 paid
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/cqrs"
	"github.com/ThreeDotsLabs/watermill/message"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/example"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// BookRoom is a command. Commands have a topic for each kind, from which one consumer
// group, that of its handler, reads.
type BookRoom struct {
	Guest string
	Room  int
}

// RoomBooked and RoomPaid are events. All events have one topic, so that those of a
// guest can be in order.
type (
	RoomBooked struct {
		Guest string
		Room  int
	}
	RoomPaid struct {
		Guest  string
		Amount int
	}
)

const (
	eventTopic = "cqrs-events"
	// guestKey is the metadata with an event's guest.
	guestKey = "guest"
)

func main() { example.Main(run) }

func run(ctx context.Context, cluster rocketmq.Cluster) error {
	logger := watermill.NewSlogLogger(nil)
	client, err := rocketmq.Connect(cluster, logger) // for all that follow
	if err != nil {
		return err
	}
	defer client.Close()
	create := topics.Config{Enabled: true}
	pub, err := publisher.New(publisher.Config{
		Client:       client,
		CreateTopics: create,
		// The events of a guest go to one queue. Commands have no guest in their
		// metadata, so they go to all queues.
		OrderingKey: func(_ string, msg *message.Message) (string, error) { return msg.Metadata.Get(guestKey), nil },
	}, logger)
	if err != nil {
		return err
	}
	defer pub.Close()
	// Each handler, and each event group, is a consumer group of its own: all of them
	// get the messages, and the processes of a program divide them.
	join := func(group string, ordered bool) (message.Subscriber, error) {
		return subscriber.New(subscriber.Config{Client: client, Group: group, Ordered: ordered, CreateTopics: create}, logger)
	}
	router, err := message.NewRouter(message.RouterConfig{}, logger)
	if err != nil {
		return err
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	hotel, err := newHotel(router, pub, join, logger, done)
	if err != nil {
		return err
	}
	for _, command := range []*BookRoom{{"Anna", 1}, {"Bert", 2}} {
		if err := hotel.commands.Send(ctx, command); err != nil {
			return err
		}
	}
	return router.Run(ctx) // closes the subscribers
}

// hotel is the application: nothing in it knows of RocketMQ.
type hotel struct {
	commands *cqrs.CommandBus
	events   *cqrs.EventBus
	left     sync.WaitGroup // letters and payments to come

	mu    sync.Mutex
	bills map[string]string // by guest
}

func newHotel(
	router *message.Router, pub message.Publisher, join func(group string, ordered bool) (message.Subscriber, error),
	logger watermill.LoggerAdapter, done func(),
) (*hotel, error) {
	marshaler := cqrs.JSONMarshaler{GenerateName: cqrs.StructName}
	h := &hotel{bills: make(map[string]string)}
	h.left.Add(4)
	go func() {
		h.left.Wait()
		done()
	}()
	var err error
	h.commands, err = cqrs.NewCommandBusWithConfig(pub, cqrs.CommandBusConfig{
		GeneratePublishTopic: func(p cqrs.CommandBusGeneratePublishTopicParams) (string, error) {
			return commandTopic(p.CommandName), nil
		},
		Marshaler: marshaler, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	h.events, err = cqrs.NewEventBusWithConfig(pub, cqrs.EventBusConfig{
		GeneratePublishTopic: func(cqrs.GenerateEventPublishTopicParams) (string, error) { return eventTopic, nil },
		OnPublish: func(p cqrs.OnEventSendParams) error {
			switch event := p.Event.(type) {
			case *RoomBooked:
				p.Message.Metadata.Set(guestKey, event.Guest)
			case *RoomPaid:
				p.Message.Metadata.Set(guestKey, event.Guest)
			}
			return nil
		},
		Marshaler: marshaler, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	commands, err := cqrs.NewCommandProcessorWithConfig(router, cqrs.CommandProcessorConfig{
		GenerateSubscribeTopic: func(p cqrs.CommandProcessorGenerateSubscribeTopicParams) (string, error) {
			return commandTopic(p.CommandName), nil
		},
		SubscriberConstructor: func(p cqrs.CommandProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return join("cqrs-"+p.HandlerName, false)
		},
		Marshaler: marshaler, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	events, err := cqrs.NewEventProcessorWithConfig(router, cqrs.EventProcessorConfig{
		GenerateSubscribeTopic: func(cqrs.EventProcessorGenerateSubscribeTopicParams) (string, error) { return eventTopic, nil },
		SubscriberConstructor: func(p cqrs.EventProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return join("cqrs-"+p.HandlerName, false)
		},
		AckOnUnknownEvent: true, // the topic has those of other handlers
		Marshaler:         marshaler, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	groups, err := cqrs.NewEventGroupProcessorWithConfig(router, cqrs.EventGroupProcessorConfig{
		GenerateSubscribeTopic: func(cqrs.EventGroupProcessorGenerateSubscribeTopicParams) (string, error) { return eventTopic, nil },
		SubscriberConstructor: func(p cqrs.EventGroupProcessorSubscriberConstructorParams) (message.Subscriber, error) {
			return join("cqrs-"+p.EventGroupName, true) // in order
		},
		AckOnUnknownEvent: true,
		Marshaler:         marshaler, Logger: logger,
	})
	if err != nil {
		return nil, err
	}
	return h, errors.Join(
		commands.AddHandlers(cqrs.NewCommandHandler("book", h.book)),
		events.AddHandlers(cqrs.NewEventHandler("welcome", h.welcome)),
		groups.AddHandlersGroup("bills", cqrs.NewGroupEventHandler(h.booked), cqrs.NewGroupEventHandler(h.paid)),
	)
}

func commandTopic(name string) string { return "cqrs-commands-" + name }

func (h *hotel) book(ctx context.Context, command *BookRoom) error {
	fmt.Printf("command handler: %s has room %d\n", command.Guest, command.Room)
	if err := h.events.Publish(ctx, &RoomBooked{command.Guest, command.Room}); err != nil {
		return err
	}
	return h.events.Publish(ctx, &RoomPaid{command.Guest, 100})
}

func (h *hotel) welcome(_ context.Context, event *RoomBooked) error {
	fmt.Printf("event handler, welcome: a letter to %s\n", event.Guest)
	h.left.Done()
	return nil
}

func (h *hotel) booked(_ context.Context, event *RoomBooked) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bills[event.Guest] += fmt.Sprintf("room %d booked, ", event.Room)
	return nil
}

func (h *hotel) paid(_ context.Context, event *RoomPaid) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bills[event.Guest] += fmt.Sprintf("%d paid", event.Amount)
	fmt.Printf("event group, bills: %s: %s\n", event.Guest, strings.TrimSuffix(h.bills[event.Guest], ", "))
	h.left.Done()
	return nil
}

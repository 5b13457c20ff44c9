package rocketmq_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	wm "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What stands between the marks in these functions stands in docs/when-publish-fails.md
// as well.

func verb(pub message.Publisher, topic string, msg *message.Message) string {
	// SNIPPET:
	var failed *publisher.Error
	switch err := pub.Publish(topic, msg); {
	case err == nil:
		return "done"
	case errors.Is(err, publisher.ErrPermanent):
		return "park"
	case errors.As(err, &failed) && failed.Outcome() != publisher.NotSent:
		return "retry, with a duplicate possible"
	default:
		return "retry"
	}
	// :SNIPPET
}

func tellVerbs(cfg *publisher.Config, say func(topic, uuid, verb string)) {
	// SNIPPET:
	cfg.OnResult = func(r publisher.Result) {
		switch {
		case r.Err == nil:
			say(r.Topic, r.UUID, "done")
		case errors.Is(r.Err, publisher.ErrPermanent):
			say(r.Topic, r.UUID, "park")
		case r.Outcome != publisher.NotSent:
			say(r.Topic, r.UUID, "retry, with a duplicate possible")
		default:
			say(r.Topic, r.UUID, "retry")
		}
	}
	// :SNIPPET
}

func parking(router *message.Router, pub message.Publisher, keep func(topic, uuid string, payload []byte, reason error) error) (message.Publisher, error) {
	// SNIPPET:
	park := func(topic string, msg *message.Message, reason error) error {
		return keep(topic, msg.UUID, msg.Payload, reason) // in a file, a database, an object store
	}
	router.AddPublisherDecorators(publisher.Park(park))
	// :SNIPPET

	// SNIPPET:
	parked, err := publisher.Park(park)(pub)
	// :SNIPPET
	return parked, err
}

func outliving(router *message.Router) {
	// SNIPPET:
	outlive := message.MessageTransformPublisherDecorator(func(msg *message.Message) {
		msg.SetContext(context.WithoutCancel(msg.Context()))
	})
	router.AddPublisherDecorators(outlive)
	// :SNIPPET
}

// The four verbs, by the code on the page.
func TestFailsVerbs(t *testing.T) {
	for want, fault := range map[string]embedded.Fault{
		"done":                             embedded.StoreThenAnswer(headers.SlaveNotAvailable, ""),
		"retry":                            embedded.Answer(headers.NoPermission, "User:x has no permission to access Topic:y"),
		"retry, with a duplicate possible": embedded.Answer(4711, "from the future"),
		"park":                             embedded.Answer(headers.MessageIllegal, ""),
	} {
		cluster, err := embedded.Start(embedded.InMemory())
		require.NoError(t, err)
		cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil {
				return fault
			}
			return embedded.Fault{}
		})
		cfg := publisher.Config{Cluster: cluster.Config()}
		var said []string
		tellVerbs(&cfg, func(topic, uuid, verb string) { said = append(said, topic+" "+uuid+" "+verb) })
		pub, err := publisher.New(cfg, nil)
		require.NoError(t, err)
		require.Equal(t, want, verb(pub, "orders", message.NewMessage("1", []byte("x"))))
		require.Equal(t, []string{"orders 1 " + want}, said)
		require.NoError(t, pub.Close())
		require.NoError(t, cluster.Close())
	}
}

// A router with the decorators on the page passes on what it can and keeps the rest.
func TestFailsRouter(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("out", 1))
	require.NoError(t, err)
	defer cluster.Close()
	pub, err := publisher.New(publisher.Config{
		Cluster: cluster.Config(), MaxMessageSize: 10,
		Compression: publisher.CompressionConfig{Codec: publisher.NoCompression},
	}, nil)
	require.NoError(t, err)
	in := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, wm.NopLogger{})
	router, err := message.NewRouter(message.RouterConfig{}, wm.NopLogger{})
	require.NoError(t, err)
	kept := make(chan string, 10)
	_, err = parking(router, pub, func(topic, uuid string, _ []byte, reason error) error {
		var large *publisher.MessageTooLargeError
		if !errors.As(reason, &large) {
			return reason
		}
		kept <- topic + " " + uuid
		return nil
	})
	require.NoError(t, err)
	outliving(router)
	router.AddMiddleware(func(next message.HandlerFunc) message.HandlerFunc { // as middleware.Timeout
		return func(msg *message.Message) ([]*message.Message, error) {
			ctx, cancel := context.WithTimeout(msg.Context(), time.Hour)
			defer cancel()
			msg.SetContext(ctx)
			return next(msg)
		}
	})
	router.AddHandler("relay", "in", in, "out", pub, func(msg *message.Message) ([]*message.Message, error) {
		return []*message.Message{msg}, nil
	})
	ended := make(chan error, 1)
	go func() { ended <- router.Run(context.Background()) }()
	<-router.Running()
	require.NoError(t, in.Publish("in", message.NewMessage("1", []byte(strings.Repeat("x", 11))), message.NewMessage("2", []byte("x"))))
	stored, err := cluster.AwaitMessages(t.Context(), "out", 1)
	require.NoError(t, err)
	require.Equal(t, "2", stored[0].Keys)
	require.Equal(t, "out 1", <-kept)
	require.NoError(t, router.Close())
	require.NoError(t, <-ended)
	require.Empty(t, kept)
}

package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A handler that is not done when its router closes publishes what it returns with
// KeepOpen. Without, the router has closed the publisher.
func TestKeepOpen(t *testing.T) {
	for name, test := range map[string]struct {
		give   func(pub message.Publisher) message.Publisher
		stored int
	}{
		"kept open": {publisher.KeepOpen, 1},
		"closed":    {func(pub message.Publisher) message.Publisher { return pub }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("out", 1))
			require.NoError(t, err)
			defer cluster.Close()
			pub, err := publisher.New(publisher.Config{Cluster: cluster.Config()}, nil)
			require.NoError(t, err)
			in := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})
			router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
			require.NoError(t, err)
			given := &watchedPublisher{test.give(pub), make(chan struct{})}
			handling := make(chan struct{})
			router.AddHandler("relay", "in", in, "out", given, func(msg *message.Message) ([]*message.Message, error) {
				close(handling)
				<-given.closed
				return message.Messages{message.NewMessage("2", msg.Payload)}, nil // its context goes on
			})
			ended := make(chan error, 1)
			go func() { ended <- router.Run(context.Background()) }()
			require.NoError(t, in.Publish("in", message.NewMessage("1", []byte("x"))))
			<-handling
			require.NoError(t, errors.Join(router.Close(), <-ended))
			stored, err := cluster.Stored("out")
			require.NoError(t, err)
			require.Equal(t, test.stored, stored)
			require.NoError(t, pub.Close())
		})
	}
}

// watchedPublisher tells when it has been closed.
type watchedPublisher struct {
	message.Publisher
	closed chan struct{}
}

func (w *watchedPublisher) Close() error {
	defer close(w.closed)
	return w.Publisher.Close()
}

// The name in logs and metrics is that of the Publisher.
func TestKeepOpenHasItsName(t *testing.T) {
	pub, err := publisher.New(publisher.Config{Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}}, nil)
	require.NoError(t, err)
	defer pub.Close()
	require.Equal(t, pub.String(), fmt.Sprint(publisher.KeepOpen(pub)))
	in := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})
	require.Equal(t, "*gochannel.GoChannel", fmt.Sprint(publisher.KeepOpen(in)))
}

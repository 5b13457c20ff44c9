package nullbroker_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/nullbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// patience is more than a busy machine takes for anything here.
const patience = 3 * time.Minute

func start(t *testing.T) *nullbroker.Broker {
	b, err := nullbroker.Start()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func TestAnswersOurPublisher(t *testing.T) {
	b := start(t)
	p, err := publisher.New(publisher.Config{
		Cluster: rocketmq.Cluster{NameServers: []string{b.Addr()}, DialTimeout: patience}, SendTimeout: patience, AttemptTimeout: patience, // an attempt whose time is over would be made again
	}, nil)
	require.NoError(t, err)
	var messages []*message.Message
	for range 100 {
		messages = append(messages, message.NewMessage(watermill.NewUUID(), []byte("body")))
	}
	require.NoError(t, p.Publish("topic", messages...))
	require.NoError(t, p.Publish("topic", messages[0]))
	require.NoError(t, p.Publish("other", messages[0]))
	require.NoError(t, p.Close())
	require.EqualValues(t, 101, stored(t, b, "topic"))
	require.EqualValues(t, 1, stored(t, b, "other"))
}

func stored(t *testing.T, b *nullbroker.Broker, topic string) (total int64) {
	client, err := transport.New(transport.Config{Serialization: headers.Binary, DialTimeout: patience})
	require.NoError(t, err)
	defer client.Close()
	for queue := range int32(nullbroker.Queues) {
		rq := &headers.QueueRequest{Code: headers.CodeMaxOffset, Topic: topic, QueueID: queue}
		answer, err := client.Invoke(context.Background(), b.Addr(), rq, nil)
		require.NoError(t, err)
		require.NoError(t, answer.Err())
		offset, ok, err := answer.Fields.Int("offset", 64)
		require.NoError(t, err)
		require.True(t, ok)
		total += offset
	}
	return total
}

func TestRefusesWhatItDoesNotKnow(t *testing.T) {
	b := start(t)
	client, err := transport.New(transport.Config{DialTimeout: patience})
	require.NoError(t, err)
	defer client.Close()
	for want, rq := range map[headers.ResponseCode]headers.Request{
		headers.RequestNotSupported: &headers.QueueRequest{Code: headers.CodeMinOffset, Topic: "topic"},
		headers.InvalidParameter:    &headers.SendMessage{Topic: "topic", QueueID: nullbroker.Queues},
		headers.MessageIllegal:      &headers.SendMessage{Topic: "topic", Batch: true},
	} {
		answer, err := client.Invoke(context.Background(), b.Addr(), rq, []byte("no batch"))
		require.NoError(t, err)
		require.ErrorIs(t, answer.Err(), &headers.StatusError{Code: want})
	}
}

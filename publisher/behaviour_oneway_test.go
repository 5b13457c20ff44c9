package publisher_test

import (
	"bytes"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A broker stores what comes one-way: single messages, batches, and compressed ones.
// Close loses nothing of it.
func TestOneway(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "oneway")
		w.createTopic(t, topic, 4)
		seen, requests := newResults(), batchRequests(w)
		cfg := publisher.Config{Cluster: rocketmq.Cluster{NameServers: w.nameServers, Dial: w.dial}, OnResult: seen.add}
		patiently(&cfg)
		p, err := publisher.New(cfg, nil)
		require.NoError(t, err)
		messages := make(map[string]*message.Message)
		made := func(n, i int) *message.Message {
			msg := crowdMessage(n, i)
			messages[msg.UUID] = msg
			return msg
		}
		for i := range 20 {
			require.NoError(t, p.PublishOneway(topic, made(0, i)))
		}
		var call []*message.Message
		for i := range 100 {
			call = append(call, made(1, i))
		}
		require.NoError(t, p.PublishOneway(topic, call...))
		large := made(2, 0)
		large.Payload = bytes.Repeat([]byte("compressed "), 1000)
		require.NoError(t, p.PublishOneway(topic, large))
		require.NoError(t, p.Close())
		require.NotZero(t, requests(), "or else this was no test of batches")

		byUUID := make(map[string]stored)
		for _, s := range w.read(t, topic, len(messages)) {
			byUUID[s.Keys] = s
		}
		require.Len(t, byUUID, len(messages))
		for range messages {
			r := seen.next(t)
			require.NoError(t, r.Err)
			require.Equal(t, publisher.MayBeStored, r.Outcome)
			s := byUUID[r.UUID]
			require.Equal(t, string(messages[r.UUID].Payload), string(s.Body))
			require.Equal(t, tagOf(messages[r.UUID]), s.Tags)
			require.Equal(t, r.MessageID, s.UniqueID)
			require.Equal(t, r.MessageQueue.BrokerName, s.Broker)
			require.Equal(t, r.MessageQueue.QueueID, s.QueueID)
		}
	})
}

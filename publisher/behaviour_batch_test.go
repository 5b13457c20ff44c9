package publisher_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// taggedMarshaler is the default one, with a tag and a flag that differ from
// message to message.
type taggedMarshaler struct{ marshaler.Default }

func (m taggedMarshaler) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	made, err := m.Default.Marshal(topic, msg)
	made.Properties = append(made.Properties, headers.Property{Name: "TAGS", Value: tagOf(msg)})
	made.Flag = int32(len(msg.Payload))
	return made, err
}

func tagOf(msg *message.Message) string { return "tag-" + msg.Metadata.Get("worker") }

// crowdMessage is a message like no other.
func crowdMessage(worker, n int) *message.Message {
	body := fmt.Sprintf("%d of %d: %s", n, worker, strings.Repeat("ä", n*7%500))
	msg := message.NewMessage(watermill.NewUUID(), []byte(body))
	msg.Metadata.Set("worker", fmt.Sprint(worker))
	msg.Metadata.Set("n", fmt.Sprint(n))
	msg.Metadata.Set("größe", strings.Repeat("日本", n))
	msg.Metadata.Set(fmt.Sprint("only-", n), "")
	return msg
}

// patiently leaves no attempt to be made twice, however slow the machine is: what
// is stored is then stored once.
func patiently(c *publisher.Config) {
	c.SendTimeout, c.AttemptTimeout = time.Minute, time.Minute
	c.Marshaler = taggedMarshaler{}
}

// requireEachOnce reads the topic and compares: every message once, with all that
// belongs to it, where its result says.
func requireEachOnce(t *testing.T, w *world, topic string, messages map[string]*message.Message, seen *results) {
	t.Helper()
	byID := make(map[string]stored)
	for _, s := range w.read(t, topic, len(messages)) {
		byID[s.UniqueID] = s
	}
	require.Len(t, byID, len(messages), "no id is there twice")
	for range messages {
		r := seen.next(t)
		require.NoError(t, r.Err)
		s, ok := byID[r.MessageID]
		require.True(t, ok, "%s is not stored", r.MessageID)
		delete(byID, r.MessageID)
		msg := messages[r.UUID]
		require.Equal(t, string(msg.Payload), string(s.Body))
		require.Equal(t, msg.UUID, s.Keys)
		require.Equal(t, tagOf(msg), s.Tags)
		require.EqualValues(t, len(msg.Payload), s.Flag)
		made, err := taggedMarshaler{}.Marshal(topic, msg)
		require.NoError(t, err)
		for _, property := range made.Properties {
			require.Equal(t, property.Value, s.Properties[property.Name], property.Name)
		}
		require.Equal(t, r.MessageID, s.Properties["UNIQ_KEY"])
		delete(s.Properties, "TAGS") // of the test's marshaler, not of the default one
		s.Flag = 0
		requireSameMessage(t, msg, unmarshal(t, s))
		require.Equal(t, r.MessageQueue.BrokerName, s.Broker)
		require.Equal(t, r.MessageQueue.QueueID, s.QueueID)
		require.Equal(t, r.QueueOffset, s.QueueOffset)
		require.Equal(t, r.OffsetMessageID, s.OffsetMessageID)
	}
	require.Empty(t, byID)
	require.Empty(t, seen.c)
}

// In a crowd that shares requests every message is stored as if it were alone.
func TestBatchCrowd(t *testing.T) {
	crowdIsStored(t, "crowd", 64, 50, func(p *publisher.Publisher, topic string, msg *message.Message) error {
		return p.Publish(topic, msg)
	})
}

// crowdIsStored has workers publish so many messages each, and checks that all are
// stored where their results say.
func crowdIsStored(t *testing.T, name string, workers, each int, publish func(*publisher.Publisher, string, *message.Message) error) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, name)
		w.createTopic(t, topic, 4)
		seen, requests := newResults(), batchRequests(w)
		p := publisherIn(t, w, func(c *publisher.Config) { patiently(c); c.OnResult = seen.add })
		var mu sync.Mutex
		messages := make(map[string]*message.Message)
		var wg sync.WaitGroup
		for worker := range workers {
			wg.Go(func() {
				for n := range each {
					msg := crowdMessage(worker, n)
					mu.Lock()
					messages[msg.UUID] = msg
					mu.Unlock()
					if err := publish(p, topic, msg); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, p.Flush(t.Context()))
		require.NotZero(t, requests(), "or else this was no test of batches")
		requireEachOnce(t, w, topic, messages, seen)
	})
}

// One call of more messages than a request takes.
func TestBatchLargeCall(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "large")
		w.createTopic(t, topic, 4)
		seen, requests := newResults(), batchRequests(w)
		p := publisherIn(t, w, func(c *publisher.Config) { patiently(c); c.OnResult = seen.add })
		messages := make(map[string]*message.Message)
		var call []*message.Message
		for n := range 3000 {
			msg := crowdMessage(n/100, n%100)
			messages[msg.UUID] = msg
			call = append(call, msg)
		}
		require.NoError(t, p.Publish(topic, call...))
		if w.embedded != nil {
			require.GreaterOrEqual(t, requests(), 3)
		}
		requireEachOnce(t, w, topic, messages, seen)
	})
}

// The tools of a real cluster find each member of a batch by its UUID, its unique
// id and its offset id.
func TestBatchMembersAreFound(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "members")
		w.createTopic(t, topic, 1)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { patiently(c); c.OnResult = seen.add })
		var call []*message.Message
		for n := range 40 {
			call = append(call, crowdMessage(1, n))
		}
		require.NoError(t, p.Publish(topic, call...))
		for n, msg := range call {
			r := seen.next(t)
			require.EqualValues(t, n, r.QueueOffset, "they were one batch")
			if n != 0 && n != 17 && n != 39 {
				continue
			}
			byKey := w.real.QueryKey(t, topic, msg.UUID)
			require.Len(t, byKey, 1)
			byID := w.real.QueryID(t, topic, r.MessageID)
			require.Len(t, byID, 1)
			byOffsetID := w.real.View(t, topic, r.OffsetMessageID)
			require.Len(t, byOffsetID, 1)
			for _, found := range []stored{fromWitness(byKey[0]), fromWitness(byID[0]), fromWitness(byOffsetID[0])} {
				require.Equal(t, r.MessageID, found.UniqueID)
				require.Equal(t, string(msg.Payload), string(found.Body))
				require.Equal(t, r.QueueOffset, found.QueueOffset)
			}
		}
	})
}

// batchRequests returns how many batches have come to the embedded broker, and 1
// of a real one, which does not say.
func batchRequests(w *world) func() int {
	if w.embedded == nil {
		return func() int { return 1 }
	}
	return func() int { return w.embedded.Stats().Requests(headers.CodeSendBatchMessage) }
}

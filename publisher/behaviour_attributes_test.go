package publisher_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// messageWith returns a message with metadata, names and values in turn.
func messageWith(metadata ...string) *message.Message {
	msg := newMessage("x")
	for i := 0; i < len(metadata); i += 2 {
		msg.Metadata.Set(metadata[i], metadata[i+1])
	}
	return msg
}

// Tag, keys and flag reach the message, alone and in a batch, and come back.
// Metadata of RocketMQ's own names reaches nobody but the reader of metadata.
func TestAttributesAreStored(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "attributes")
		w.createTopic(t, topic, 1)
		p := publisherIn(t, w, nil)
		sent := []*message.Message{
			messageWith(marshaler.MetadataTag, "paid", marshaler.MetadataKeys, "order-1 Größe", marshaler.MetadataFlag, "-7", "any", "thing"),
			messageWith(marshaler.MetadataTag, "in parts"),
			messageWith("TAGS", "paid", "KEYS", "order-1", "DELAY", "3", "FLAG", "9"),
		}
		require.NoError(t, p.Publish(topic, sent[0]))
		require.NoError(t, p.Publish(topic, sent[1:]...))
		all := w.read(t, topic, 3)

		require.Equal(t, "paid", all[0].Tags)
		require.Equal(t, sent[0].UUID+" order-1 Größe", all[0].Keys)
		require.Equal(t, int32(-7), all[0].Flag)
		require.Equal(t, "thing", all[0].Properties["any"])

		require.Equal(t, "in parts", all[1].Tags)
		require.Equal(t, sent[1].UUID, all[1].Keys)
		require.Zero(t, all[1].Flag)

		require.Empty(t, all[2].Tags)
		require.Equal(t, sent[2].UUID, all[2].Keys)
		for i, s := range all {
			requireSameMessage(t, sent[i], unmarshal(t, s))
		}
	})
}

// A Java consumer that subscribes to tags gets the messages with these tags, and
// mqadmin finds a message by each of its keys.
func TestJavaFiltersByTagAndFindsByKey(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "tags")
		w.createTopic(t, topic, 2)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { c.OnResult = seen.add })
		byTag := make(map[string][]string)
		var messages []*message.Message
		for _, tag := range []string{"paid", "sent", "in parts", "Größe", "", "paid"} {
			msg := messageWith(marshaler.MetadataTag, tag)
			byTag[tag] = append(byTag[tag], msg.UUID)
			messages = append(messages, msg)
		}
		require.NoError(t, p.Publish(topic, messages[:4]...)) // a batch
		for _, msg := range messages[4:] {
			require.NoError(t, p.Publish(topic, msg))
		}
		w.read(t, topic, 6) // all are visible
		for expression, tags := range map[string][]string{
			"paid":                    {"paid"},
			"sent || paid":            {"sent", "paid"},
			" in parts||  Größe || x": {"in parts", "Größe"},
			"*":                       {"paid", "sent", "in parts", "Größe", ""},
		} {
			var want, got []string
			for _, tag := range tags {
				want = append(want, byTag[tag]...)
			}
			for _, m := range w.real.ReadTagged(t, topic, expression, len(want)) {
				got = append(got, m.Properties["_watermill_message_uuid"])
			}
			require.ElementsMatch(t, want, got, expression)
		}

		keys, err := marshaler.JoinKeys("order-4711", "customer-1")
		require.NoError(t, err)
		msg := messageWith(marshaler.MetadataKeys, keys)
		for range 6 {
			seen.next(t)
		}
		require.NoError(t, p.Publish(topic, msg))
		id := seen.next(t).MessageID
		for _, key := range []string{"order-4711", "customer-1", msg.UUID} {
			found := w.real.QueryKey(t, topic, key) // waits for the index
			require.Len(t, found, 1, key)
			require.Equal(t, id, found[0].MsgID)
			require.Contains(t, w.real.Admin(t, "queryMsgByKey", "-t", topic, "-k", key), id)
		}
	})
}

// An attribute that RocketMQ could not use refuses the call before anything of it
// is sent.
func TestBadAttributeIsRefused(t *testing.T) {
	w := embeddedWorld(t)
	p := publisherIn(t, w, nil)
	for name, reason := range map[string]error{
		marshaler.MetadataTag:  marshaler.ErrIllegalTag,
		marshaler.MetadataKeys: marshaler.ErrIllegalKeys,
		marshaler.MetadataFlag: marshaler.ErrIllegalFlag,
	} {
		err := p.Publish("bad", newMessage("x"), messageWith(name, "a||b  c"))
		require.ErrorIs(t, err, reason)
		failed := failureOf(t, err)
		require.Equal(t, []publisher.Outcome{publisher.NotSent, publisher.NotSent}, outcomes(failed))
	}
	require.Zero(t, storedIn(w.embedded, "bad"))
}

// ofASend are the properties that a message of this publisher has when it is
// stored: its own and the broker's.
func ofASend(metadata ...string) []string {
	return append([]string{"_watermill_message_uuid", "KEYS", "UNIQ_KEY", "CLUSTER", "MSG_REGION", "TRACE_ON"}, metadata...)
}

// republished publishes what a message is unmarshalled to, and returns it as it is
// stored then.
func republished(t *testing.T, w *world, s stored) stored {
	t.Helper()
	topic := newTopic(t, "again")
	w.createTopic(t, topic, 1)
	p := publisherIn(t, w, nil)
	require.NoError(t, p.Publish(topic, unmarshal(t, s)))
	return w.read(t, topic, 1)[0]
}

// requireNothingLeaked compares a message with what it became when it was
// published again.
func requireNothingLeaked(t *testing.T, old, again stored, metadata ...string) {
	t.Helper()
	allowed := ofASend(metadata...)
	for name := range again.Properties {
		require.Contains(t, allowed, name)
	}
	require.Equal(t, old.Properties["_watermill_message_uuid"], again.Properties["_watermill_message_uuid"])
	require.Equal(t, old.Keys, again.Keys)
	require.NotEqual(t, old.UniqueID, again.UniqueID)
	require.Equal(t, old.Body, again.Body)
	require.Zero(t, again.Reconsumed)
}

// A message with every property that RocketMQ has a name for leaves them all
// behind when it is published again, but for tag and keys, which are the user's.
func TestNoSystemPropertyLeaks(t *testing.T) {
	names := map[string]bool{
		// Some of each kind, for where no Java is: from the broker, a consumer, a
		// delay, a transaction, a retry.
		"CLUSTER": true, "MSG_REGION": true, "TRACE_ON": true, "MIN_OFFSET": true, "CONSUME_START_TIME": true, "POP_CK": true,
		"DELAY": true, "TIMER_OUT_MS": true, "TIMER_DELIVER_MS": true, "REAL_TOPIC": true, "REAL_QID": true,
		"TRAN_MSG": true, "PGROUP": true, "__transactionId__": true, "TRANSACTION_CHECK_TIMES": true,
		"RETRY_TOPIC": true, "ORIGIN_MESSAGE_ID": true, "RECONSUME_TIME": true, "DLQ_ORIGIN_TOPIC": true, "INNER_NUM": true,
		"__SHARDINGKEY": true, "WAIT": true,
	}
	inEveryWorld(t, func(t *testing.T, w *world) {
		names := maps.Clone(names)
		if w.real != nil {
			for _, name := range w.real.Reserved(t).MessageConst {
				names[name] = true
			}
		}
		// What MessageConst has beside the names of properties.
		for _, value := range []string{" ", "K", "U", "T"} {
			delete(names, value)
		}
		properties := map[string]string{"user": "data"}
		for name := range names {
			if marshaler.Reserved(name) {
				properties[name] = "3"
			}
		}
		require.GreaterOrEqual(t, len(properties), 20)
		properties["KEYS"], properties["TAGS"] = "uuid order-1", "paid"
		properties["_watermill_message_uuid"] = "uuid"
		old := stored{Body: []byte("x"), Properties: properties, Flag: 5, Reconsumed: 2, UniqueID: "3", Keys: properties["KEYS"]}
		again := republished(t, w, old)
		requireNothingLeaked(t, old, again, "user", "TAGS")
		require.Equal(t, "paid", again.Tags)
		require.Equal(t, int32(5), again.Flag)
		require.Equal(t, "data", again.Properties["user"])
	})
}

// The same with messages that a real broker has delayed, and has taken back from a
// consumer.
func TestNothingLeaksFromDelayAndRetry(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		topic, group := newTopic(t, "leak"), newTopic(t, "group")
		w.createTopic(t, topic, 1)
		msg := messageWith(marshaler.MetadataTag, "paid", "user", "data")
		delayed := publisherIn(t, w, func(c *publisher.Config) { c.Marshaler = delayedMarshaler{} })
		require.NoError(t, delayed.Publish(topic, msg))
		old := w.read(t, topic, 1)[0]
		require.Equal(t, topic, old.Properties["REAL_TOPIC"], "the delay has left its mark")
		require.Equal(t, "1", old.Properties["DELAY"])
		requireNothingLeaked(t, old, republished(t, w, old), "user", "TAGS")

		w.real.SendBack(t, topic, group)
		retried := w.read(t, "%RETRY%"+group, 1)[0]
		require.Equal(t, topic, retried.Properties["RETRY_TOPIC"], "the retry has left its mark")
		require.Equal(t, int32(1), retried.Reconsumed)
		require.Equal(t, "%RETRY%"+group, retried.Properties["REAL_TOPIC"])
		again := republished(t, w, retried)
		requireNothingLeaked(t, retried, again, "user", "TAGS")
		requireSameMessage(t, msg, unmarshal(t, again))
	})
}

// delayedMarshaler delays messages by a second, by level.
type delayedMarshaler struct{ marshaler.Default }

func (m delayedMarshaler) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	out, err := m.Default.Marshal(topic, msg)
	out.Properties = append(slices.Clip(out.Properties), headers.Property{Name: headers.PropertyDelayLevel, Value: "1"})
	return out, err
}

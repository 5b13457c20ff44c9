package publisher_test

import (
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// fixedMarshaler makes the same RocketMQ message of every message.
type fixedMarshaler marshaler.Message

func (m fixedMarshaler) Marshal(string, *message.Message) (marshaler.Message, error) {
	return marshaler.Message(m), nil
}

// fixedTopic maps every topic to one.
type fixedTopic string

func (f fixedTopic) MapTopic(string) (marshaler.MappedTopic, error) {
	return marshaler.MappedTopic{Name: string(f)}, nil
}

func (f fixedTopic) UnmapTopic(string, []headers.Property) (string, error) { return "", nil }

// recordSends keeps the ext fields of each send that reaches a broker.
func recordSends(w *world) func() []map[string]string {
	var mu sync.Mutex
	var sends []map[string]string
	w.embedded.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Send == nil {
			return embedded.Fault{}
		}
		fields := map[string]string{"code": r.Code.String()}
		for name, value := range r.Command.Fields.All() {
			fields[string(name)] = string(value)
		}
		mu.Lock()
		defer mu.Unlock()
		sends = append(sends, fields)
		return embedded.Fault{}
	})
	return func() []map[string]string {
		mu.Lock()
		defer mu.Unlock()
		return sends
	}
}

// Every field of the send request, by its name on the wire, in both header
// formats.
func TestEveryFieldOnTheWire(t *testing.T) {
	for _, format := range []rocketmq.HeaderFormat{rocketmq.BinaryHeaders, rocketmq.JSONHeaders} {
		t.Run(string(format), func(t *testing.T) {
			w := embeddedWorld(t)
			sends := recordSends(w)
			seen := newResults()
			p := publisherIn(t, w, func(c *publisher.Config) {
				c.ProducerGroup = "my_group"
				c.AutoCreate = topics.AutoCreate{Queues: 3}
				c.Cluster.UnitMode = true
				c.Cluster.Headers = format
				c.Compression = publisher.CompressionConfig{Codec: publisher.LZ4, Threshold: 1}
				c.OnResult = seen.add
				c.Topics = fixedTopic("%RETRY%consumers")
				c.Marshaler = fixedMarshaler{
					Body: make([]byte, 100), Flag: -7, ReconsumeTimes: 2, MaxReconsumeTimes: 16,
					Properties: []headers.Property{{Name: "TRAN_MSG", Value: "true"}, {Name: "PGROUP", Value: "my_group"}, {Name: "k", Value: "v"}},
				}
			})
			before := time.Now().UnixMilli()
			require.NoError(t, p.Publish("any", message.NewMessage("1", nil)))
			result := seen.next(t)

			require.Len(t, sends(), 1)
			fields := maps.Clone(sends()[0])
			born, err := strconv.ParseInt(fields["g"], 10, 64)
			require.NoError(t, err)
			require.GreaterOrEqual(t, born, before)
			require.LessOrEqual(t, born, time.Now().UnixMilli())
			delete(fields, "g")
			require.Equal(t, map[string]string{
				"code": "SEND_MESSAGE_V2",
				"a":    "my_group",
				"b":    "%RETRY%consumers",
				"c":    "TBW102",
				"d":    "3",
				"e":    strconv.Itoa(int(result.MessageQueue.QueueID)),
				"f":    strconv.Itoa(headers.SysFlagCompressed | headers.SysFlagLZ4 | headers.SysFlagPrepared),
				"h":    "-7",
				"i":    "UNIQ_KEY\x01" + result.MessageID + "\x02TRAN_MSG\x01true\x02PGROUP\x01my_group\x02k\x01v\x02",
				"j":    "2",
				"k":    "true",
				"l":    "16",
				"m":    "false",
				"n":    "broker-a",
			}, fields)
		})
	}
}

// Messages that share a request are marked as a batch, and have their own
// properties in the body.
func TestBatchMarkOnTheWire(t *testing.T) {
	w := embeddedWorld(t)
	sends := recordSends(w)
	p := publisherIn(t, w, nil)
	require.NoError(t, p.Publish("batch", message.NewMessage("1", nil), message.NewMessage("2", nil)))
	require.Len(t, sends(), 1)
	require.Equal(t, "SEND_BATCH_MESSAGE", sends()[0]["code"])
	require.Equal(t, "true", sends()[0]["m"])
	require.Empty(t, sends()[0]["i"])
}

// On an ordinary topic the two counts of redelivery are not sent, as in Java.
func TestReconsumeTimesOnRetryTopicsOnly(t *testing.T) {
	w := embeddedWorld(t)
	sends := recordSends(w)
	p := publisherIn(t, w, func(c *publisher.Config) {
		c.Marshaler = fixedMarshaler{Body: []byte("x"), ReconsumeTimes: 2, MaxReconsumeTimes: 16}
	})
	require.NoError(t, p.Publish("ordinary", message.NewMessage("1", nil)))
	require.Equal(t, "0", sends()[0]["j"])
	require.NotContains(t, sends()[0], "l")
}

// What a real broker stores of the fields that have no place in Watermill.
func TestFieldsStored(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "fields")
		w.createTopic(t, topic, 1)
		for _, format := range []rocketmq.HeaderFormat{rocketmq.BinaryHeaders, rocketmq.JSONHeaders} {
			p := publisherIn(t, w, func(c *publisher.Config) {
				c.Cluster.Headers = format
				c.Marshaler = fixedMarshaler{Body: []byte("x"), Flag: -7, Properties: []headers.Property{
					{Name: "KEYS", Value: "k1 k2"}, {Name: "TAGS", Value: "tag"},
				}}
			})
			require.NoError(t, p.Publish(topic, message.NewMessage("1", nil)))
		}
		for _, s := range w.read(t, topic, 2) {
			require.Equal(t, int32(-7), s.Flag)
			require.Equal(t, "k1 k2", s.Keys)
			require.Equal(t, "tag", s.Tags)
		}
	})
}

// A half message is one by its property and its flag: the broker keeps it out of
// the topic.
func TestHalfMessage(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic, group := newTopic(t, "half"), newTopic(t, "group")
		w.createTopic(t, topic, 1)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.ProducerGroup, c.OnResult = group, seen.add
			c.Marshaler = fixedMarshaler{Body: []byte("half"), Properties: []headers.Property{
				{Name: "TRAN_MSG", Value: "true"}, {Name: "PGROUP", Value: group},
			}}
		})
		require.NoError(t, p.Publish(topic, message.NewMessage("1", nil)))
		result := seen.next(t)
		require.Empty(t, w.read(t, topic, 0))
		if w.real == nil {
			return
		}
		half := fromWitness(w.real.View(t, topic, result.OffsetMessageID)[0])
		require.Equal(t, "RMQ_SYS_TRANS_HALF_TOPIC", half.Topic)
		require.Equal(t, topic, half.Properties["REAL_TOPIC"])
		require.Equal(t, result.MessageID, half.Properties["UNIQ_KEY"])
	})
}

// On a retry topic a broker keeps the count of redeliveries.
func TestRetryTopic(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := "%RETRY%" + newTopic(t, "consumers")
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Topics = fixedTopic(topic)
			c.Marshaler = fixedMarshaler{Body: []byte("x"), ReconsumeTimes: 2, MaxReconsumeTimes: 16}
		})
		w.createTopic(t, topic, 1)
		require.NoError(t, p.Publish("any", message.NewMessage("1", nil)))
		require.Equal(t, int32(2), w.read(t, topic, 1)[0].Reconsumed)
	})
}

// Brokers know the producer while it lives, and no longer when it is closed.
func TestHeartbeatAndGoodbye(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		topic, group := newTopic(t, "heart"), newTopic(t, "group")
		w.createTopic(t, topic, 1)
		p, err := publisher.New(publisher.Config{
			Cluster:       rocketmq.Cluster{NameServers: w.nameServers, DialTimeout: time.Minute},
			ProducerGroup: group, SendTimeout: time.Minute, AttemptTimeout: time.Minute,
		}, nil)
		require.NoError(t, err)
		require.NoError(t, p.Publish(topic, message.NewMessage("1", []byte("x"))))
		require.Eventually(t, func() bool { return len(w.real.Producers(t, group)) == 1 }, patience, 50*time.Millisecond)
		require.NoError(t, p.Close())
		// Close waits a second for the broker's answer to the goodbye.
		require.Eventually(t, func() bool { return len(w.real.Producers(t, group)) == 0 }, patience, 50*time.Millisecond)
	})
}

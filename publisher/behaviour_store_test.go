package publisher_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// What is published is stored where the result says, with everything on it.
func TestStored(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "stored")
		w.createTopic(t, topic, 4)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { c.OnResult = seen.add })
		before := time.Now().UnixMilli()

		msg := message.NewMessage(watermill.NewUUID(), []byte("payload"))
		msg.Metadata.Set("name", "välue")
		require.NoError(t, p.Publish(topic, msg))

		result := seen.next(t)
		require.NoError(t, result.Err)
		require.Equal(t, msg.UUID, result.UUID)
		require.Equal(t, publisher.Stored, result.Outcome)
		require.Equal(t, publisher.SendOK, result.Status)
		requireOneAttempt(t, result)
		require.Empty(t, result.Failed)

		s := at(t, w.read(t, topic, 1), result)
		require.Equal(t, "payload", string(s.Body))
		require.Equal(t, "välue", s.Properties["name"])
		require.Equal(t, msg.UUID, s.Properties["_watermill_message_uuid"])
		require.Equal(t, msg.UUID, s.Keys)
		require.Equal(t, result.MessageID, s.UniqueID)
		require.Equal(t, result.MessageID, s.Properties["UNIQ_KEY"])
		require.Equal(t, result.OffsetMessageID, s.OffsetMessageID)
		require.GreaterOrEqual(t, s.Born, before)
		require.LessOrEqual(t, s.Born, time.Now().UnixMilli())
		requireSameMessage(t, msg, unmarshal(t, s))
	})
}

// The tools of a real cluster find a message by its UUID, by its unique id, and
// by its offset id.
func TestFoundByKeyAndID(t *testing.T) {
	inRealWorlds(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "found")
		w.createTopic(t, topic, 2)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { c.OnResult = seen.add })
		for _, uuid := range []string{watermill.NewUUID(), "with space", "日本語", "50%"} {
			require.NoError(t, p.Publish(topic, message.NewMessage(uuid, []byte("payload of "+uuid))))
			result := seen.next(t)
			key := map[string]string{"with space": "with%20space", "50%": "50%25"}[uuid]
			if key == "" {
				key = uuid
			}
			byKey := w.real.QueryKey(t, topic, key)
			require.Len(t, byKey, 1)
			byID := w.real.QueryID(t, topic, result.MessageID)
			byOffsetID := w.real.View(t, topic, result.OffsetMessageID)
			for _, found := range []stored{fromWitness(byKey[0]), fromWitness(byID[0]), fromWitness(byOffsetID[0])} {
				require.Equal(t, "payload of "+uuid, string(found.Body))
				require.Equal(t, result.MessageQueue.QueueID, found.QueueID)
				require.Equal(t, result.QueueOffset, found.QueueOffset)
				require.Equal(t, result.MessageID, found.UniqueID)
				require.Equal(t, uuid, unmarshal(t, found).UUID)
			}
		}
	})
}

// strangeMessages are messages that other Watermill Pub/Subs take.
func strangeMessages() []*message.Message {
	plain := func(uuid string, payload []byte, metadata message.Metadata) *message.Message {
		m := message.NewMessage(uuid, payload)
		m.Metadata = metadata
		return m
	}
	random := make([]byte, 3000)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	all := []*message.Message{
		plain("nil-payload", nil, nil),
		plain("empty-payload", []byte{}, message.Metadata{}),
		plain("space-payload", []byte(" "), nil),
		plain("zero-payload", []byte{0}, nil),
		plain("random-payload", random, nil),
		plain("", []byte("no uuid"), nil),
		plain("uuid with spaces", []byte("x"), nil),
		plain("uuid\x01\x02\x00\n", []byte("x"), nil),
		plain("uuid\xff\xfe", []byte("x"), nil),
		plain("%", []byte("x"), nil),
		plain("_wm_uuid", []byte("x"), nil),
	}
	metadata := message.Metadata{
		"": "no name", "empty": "", "\x01": "\x02", "a\x01b": "c\x02d", "tab\t\n\r": "\t\n\r", "zero\x00": "\x00",
		"control\x1f\x7f": "\x03\x1f\x7f\u0080", "not utf-8 \xff": "\xc3\x28", "日本語": "한국어 🚀 \u2028", "%": "%%41", "%25": "%25",
		"_wm_": "x", "_wm_m_x": "%", "_wm_uuid": "u", "_wm_payload": "nil", "_wm_topic": "t", "_watermill_delayed_until": "2026-11-24T08:00:00Z",
		"correlation_id": "c", "quotes\"'\\": "{\"a\":\"b\\u0001\"}", " space ": " space ", "\ufeff": "\ufeff", "\ufffd": "\ufffd",
	}
	for _, name := range []string{
		"KEYS", "TAGS", "WAIT", "DELAY", "UNIQ_KEY", "TRAN_MSG", "PGROUP", "INNER_NUM", "INNER_BASE", "__SHARDINGKEY",
		"TIMER_DELIVER_MS", "TIMER_DELAY_SEC", "TIMER_DELAY_MS", "RETRY_TOPIC", "REAL_TOPIC", "REAL_QID", "MIN_OFFSET", "MAX_OFFSET",
		"CONSUME_START_TIME", "CLUSTER", "MSG_REGION", "TRACE_ON", "POP_CK", "RECONSUME_TIME", "MAX_RECONSUME_TIMES", "INSTANCE_ID",
		"CORRELATION_ID", "REPLY_TO_CLIENT", "TTL", "MSG_TYPE", "__RMQ.TRANSIENT.x", "__CRC32#", "CHECK_IMMUNITY_TIME_IN_SECONDS",
		"BUYER_ID", "TRANSFER_FLAG", "MQ2_FLAG", "DUP_INFO", "REDIRECT", "E_T", "__STARTDELIVERTIME", "_SYS_MSG_PRIORITY_",
	} {
		metadata[name] = "1"
	}
	all = append(all, plain("all-metadata", []byte("x"), metadata))
	for name, value := range metadata {
		all = append(all, plain("one-metadata", []byte("x"), message.Metadata{name: value}))
	}
	return all
}

// Whatever is not refused comes back byte for byte, and what RocketMQ can carry
// is a property of its own name and value.
func TestStrangeMessagesComeBack(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "strange")
		w.createTopic(t, topic, 1)
		p := publisherIn(t, w, nil)
		messages := strangeMessages()
		copies := strangeMessages()[:11] // those without the random order of a map
		copies[4] = messages[4].Copy()
		require.NoError(t, p.Publish(topic, messages...))
		for i, c := range copies {
			requireSameMessage(t, c, messages[i]) // the caller's messages are as they were
		}

		for i, s := range w.read(t, topic, len(messages)) {
			requireSameMessage(t, messages[i], unmarshal(t, s))
			for name, value := range messages[i].Metadata {
				if headers.Carries(name) && headers.Carries(value) && !marshaler.Reserved(name) && !strings.HasPrefix(name, "_wm_") {
					require.Equal(t, value, s.Properties[name], "property %q", name)
				}
			}
		}
	})
}

// A received message that is published again carries nothing of the old one's
// system properties.
func TestRepublished(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		from, to := newTopic(t, "from"), newTopic(t, "to")
		w.createTopic(t, from, 1)
		w.createTopic(t, to, 1)
		p := publisherIn(t, w, nil)
		first := message.NewMessage(watermill.NewUUID(), nil)
		first.Metadata.Set("DELAY", "3")
		require.NoError(t, p.Publish(from, first))
		received := w.read(t, from, 1)[0]
		require.NoError(t, p.Publish(to, unmarshal(t, received)))
		again := w.read(t, to, 1)[0]
		requireSameMessage(t, first, unmarshal(t, again))
		require.NotEqual(t, received.UniqueID, again.UniqueID)
		require.Equal(t, len(received.Properties), len(again.Properties))
	})
}

func TestTopicNames(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		p := publisherIn(t, w, nil)
		unique := watermill.NewShortUUID()
		mapper := marshaler.EscapeTopics{}
		for _, topic := range []string{
			"shop.orders." + unique, "a/b/" + unique, "späße 🚀 " + unique, "_wm_" + unique, "-" + unique + "-", "new\nline" + unique,
			"\xff" + unique, strings.Repeat("long.", 50) + unique, strings.Repeat("legal", 40) + unique, "a%b|c" + unique,
		} {
			mapped, err := mapper.MapTopic(topic)
			require.NoError(t, err)
			// Not made beforehand: the broker creates it by the first message.
			require.NoError(t, p.Publish(topic, message.NewMessage("1", []byte(topic))), "topic %q", topic)
			s := w.read(t, mapped.Name, 1)[0]
			require.Equal(t, topic, string(s.Body))
			var properties []headers.Property
			for name, value := range s.Properties {
				properties = append(properties, headers.Property{Name: name, Value: value})
			}
			name, err := mapper.UnmapTopic(s.Topic, properties)
			require.NoError(t, err)
			require.Equal(t, topic, name)
		}
	})
}

func TestCompression(t *testing.T) {
	flags := map[publisher.Compression]int32{
		publisher.Zlib: headers.SysFlagZlib | headers.SysFlagCompressed,
		publisher.LZ4:  headers.SysFlagLZ4 | headers.SysFlagCompressed,
		publisher.Zstd: headers.SysFlagZstd | headers.SysFlagCompressed,
	}
	random := make([]byte, 64<<10)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	inEveryWorld(t, func(t *testing.T, w *world) {
		for codec, flag := range flags {
			t.Run(string(codec), func(t *testing.T) {
				topic := newTopic(t, "compressed")
				w.createTopic(t, topic, 1)
				p := publisherIn(t, w, func(c *publisher.Config) { c.Compression.Codec = codec })
				payloads := [][]byte{
					bytes.Repeat([]byte("x"), 4095), // below the threshold
					bytes.Repeat([]byte("x"), 4096),
					bytes.Repeat([]byte("message "), 600_000), // over the 4 MiB limit until compressed
					random, // not smaller when compressed
				}
				for _, payload := range payloads {
					require.NoError(t, p.Publish(topic, message.NewMessage(watermill.NewUUID(), payload)))
				}
				for i, s := range w.read(t, topic, len(payloads)) {
					require.True(t, bytes.Equal(payloads[i], s.Body), "payload %d of %d bytes came back with %d", i, len(payloads[i]), len(s.Body))
					want := flag
					if i == 0 || i == 3 {
						want = 0
					}
					// Java's consumer takes the compressed bit off when it decompresses.
					mask := int32(headers.SysFlagCompressionMask)
					require.Equal(t, want&mask, s.SysFlag&mask, "payload %d", i)
				}
			})
		}
	})
}

// The limits are the broker's: what is just within them is stored.
func TestLimits(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "limits")
		w.createTopic(t, topic, 1)
		p := publisherIn(t, w, func(c *publisher.Config) { c.Compression.Codec = publisher.NoCompression })

		body := make([]byte, 4<<20)
		require.NoError(t, p.Publish(topic, message.NewMessage("largest", body)))
		err := p.Publish(topic, message.NewMessage("too large", append(body, 0)))
		var tooLarge *publisher.MessageTooLargeError
		require.ErrorAs(t, err, &tooLarge)
		require.Equal(t, publisher.MessageTooLargeError{Size: 4<<20 + 1, Limit: 4 << 20}, *tooLarge)

		withMetadata := func(size int) *message.Message {
			m := message.NewMessage("metadata", []byte("x"))
			fixed, err := marshaler.Default{}.Marshal(topic, m)
			require.NoError(t, err)
			room := size - marshaler.PropertiesSize(fixed.Properties) - headers.PropertySize("m", "")
			m.Metadata.Set("m", strings.Repeat("ä", room/2)+strings.Repeat("x", room%2))
			return m
		}
		require.NoError(t, p.Publish(topic, withMetadata(32000)))
		err = p.Publish(topic, withMetadata(32001))
		var tooMuch *marshaler.PropertiesTooLargeError
		require.ErrorAs(t, err, &tooMuch)
		require.Equal(t, 32001, tooMuch.Size)

		all := w.read(t, topic, 2) // and nothing of what was refused
		require.Len(t, all[0].Body, 4<<20)
		requireSameMessage(t, withMetadata(32000), unmarshal(t, all[1]))
	})
}

// Messages go round the queues, over calls and within a call.
func TestRoundRobin(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "round")
		w.createTopic(t, topic, 4)
		p := publisherIn(t, w, nil)
		for range 20 {
			require.NoError(t, p.Publish(topic, message.NewMessage("1", []byte("x")), message.NewMessage("2", []byte("x"))))
		}
		perQueue := make(map[string]int)
		for _, s := range w.read(t, topic, 40) {
			perQueue[fmt.Sprint(s.Broker, s.QueueID)]++
		}
		require.Len(t, perQueue, 4)
		for queue, n := range perQueue {
			require.Equal(t, 10, n, queue)
		}
	})
}

// A topic that does not exist is created after TBW102 with four queues, which
// are all used once the route is known.
func TestTopicIsCreated(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "new")
		p := publisherIn(t, w, nil)
		for range 40 {
			require.NoError(t, p.Publish(topic, message.NewMessage("1", []byte("x"))))
		}
		queues := make(map[int32]int)
		for _, s := range w.read(t, topic, 40) {
			queues[s.QueueID]++
		}
		require.Len(t, queues, 4)
	})
}

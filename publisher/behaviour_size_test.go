package publisher_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// maxBody is the largest body that brokers take unless configured otherwise.
const maxBody = 4_194_304

// noise returns random bytes, which compression leaves as they are, and n of four bits
// each, which it makes half as large.
func noise(random, n int) []byte {
	data := make([]byte, random+n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // it never fails
	for i := range data[random:] {
		data[random+i] &= 15
	}
	return data
}

// The limit is that of the brokers: they take a body of that size, and refuse one
// with a byte more, which this publisher sends only if it is told to.
func TestBodyLimitIsTheBrokers(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "size")
		w.createTopic(t, topic, 1)
		daring := publisherIn(t, w, func(c *publisher.Config) {
			c.MaxMessageSize = maxBody + 1
			c.Compression.Codec = publisher.NoCompression
		})
		require.NoError(t, daring.Publish(topic, message.NewMessage("1", make([]byte, maxBody))))
		err := daring.Publish(topic, message.NewMessage("2", make([]byte, maxBody+1)))
		require.ErrorIs(t, err, &headers.StatusError{Code: headers.MessageIllegal})
		require.ErrorIs(t, err, publisher.ErrPermanent)
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		parked := new(lot)
		parking, err := publisher.Park(parked.park)(daring)
		require.NoError(t, err)
		require.Equal(t, 1, routed(t, parking, topic, relay).deliver(t, message.NewMessage("2", make([]byte, maxBody+1))))
		require.Equal(t, []string{topic + " 2"}, parked.parked)

		careful := publisherIn(t, w, func(c *publisher.Config) { c.Compression.Codec = publisher.NoCompression })
		err = careful.Publish(topic, message.NewMessage("3", make([]byte, maxBody+1)))
		var tooLarge *publisher.MessageTooLargeError
		require.ErrorAs(t, err, &tooLarge)
		require.Equal(t, publisher.MessageTooLargeError{Size: maxBody + 1, Limit: maxBody}, *tooLarge)
		require.ErrorContains(t, err, "4194305 bytes")
		require.ErrorContains(t, err, "limit of 4194304")
		require.Len(t, w.read(t, topic, 1)[0].Body, maxBody)
	})
}

// compressedTo returns bytes that zlib, as this publisher uses it, makes exactly
// that long, from more than that.
func compressedTo(t *testing.T, size int) []byte {
	t.Helper()
	compressor, err := body.NewCompressor(body.Zlib, 0)
	require.NoError(t, err)
	const most = 256 << 10 // of what the search varies
	length, step := most, 0
	for range 60 {
		plain := noise(size-most/2, length)
		packed, err := compressor.Compress(nil, plain)
		require.NoError(t, err)
		if len(packed) == size {
			return plain
		}
		if step = 2 * (size - len(packed)); step < 0 {
			step++ // so as not to go to and fro
		}
		length += step
	}
	require.Fail(t, "no such body found")
	return nil
}

// The size that counts is that of the bytes sent, after compression.
func TestBodyLimitIsAfterCompression(t *testing.T) {
	exact := compressedTo(t, maxBody)
	require.Greater(t, len(exact), maxBody)
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "packed")
		w.createTopic(t, topic, 1)
		p := publisherIn(t, w, nil)
		large := bytes.Repeat([]byte("large and dull "), 1<<20) // 15 MiB
		require.NoError(t, p.Publish(topic, message.NewMessage("1", exact)))
		require.NoError(t, p.Publish(topic, message.NewMessage("2", large)))
		all := w.read(t, topic, 2)
		require.True(t, bytes.Equal(exact, all[0].Body))
		require.True(t, bytes.Equal(large, all[1].Body))

		less := publisherIn(t, w, func(c *publisher.Config) { c.MaxMessageSize = maxBody - 1 })
		err := less.Publish(topic, message.NewMessage("3", exact))
		var tooLarge *publisher.MessageTooLargeError
		require.ErrorAs(t, err, &tooLarge)
		require.Equal(t, publisher.MessageTooLargeError{Size: maxBody, Limit: maxBody - 1}, *tooLarge)
	})
}

// Messages share a request up to the size that brokers take of a batch, and not a
// byte more: then there are two requests, which go to two queues.
func TestBatchLimitIsTheBrokers(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "batch")
		w.createTopic(t, topic, 2)
		const frame = 22 // of a message in a batch, beside body and properties
		small := message.NewMessage("1", []byte("x"))
		properties := func(uuid string) int {
			m, err := marshaler.Default{}.Marshal(topic, message.NewMessage(uuid, []byte("x")))
			require.NoError(t, err)
			return marshaler.PropertiesSize(m.Properties)
		}
		room := maxBody - 2*frame - 1 - properties("1") - properties("2")
		seen := newResults()
		counting := publisherIn(t, w, func(c *publisher.Config) {
			c.Batch.MaxBytes = maxBody
			c.Compression.Codec = publisher.NoCompression
			c.OnResult = seen.add
		})
		for more, queues := range []int{1, 2} {
			require.NoError(t, counting.Publish(topic, small, message.NewMessage("2", make([]byte, room+more))))
			first, second := seen.next(t), seen.next(t)
			require.Equal(t, queues == 1, first.MessageQueue == second.MessageQueue, "%d bytes more", more)
			requireOneAttempt(t, first) // no broker had to refuse it
			requireOneAttempt(t, second)
			all := w.read(t, topic, 2*(more+1))
			require.Len(t, at(t, all, first).Body, 1)
			require.Len(t, at(t, all, second).Body, room+more)
		}
	})
}

// Brokers that read a timer message into too small a buffer lose it, so it has to
// leave room.
func TestTimerMessagesLeaveRoom(t *testing.T) {
	w := embeddedWorld(t)
	timer := []headers.Property{{Name: "TIMER_DELAY_MS", Value: "1000"}}
	publish := func(size int) error {
		return publisherIn(t, w, func(c *publisher.Config) {
			c.Compression.Codec = publisher.NoCompression
			c.Marshaler = fixedMarshaler{Body: make([]byte, size), Properties: timer}
		}).Publish("timers", newMessage("x"))
	}
	most := maxBody - 1024 - marshaler.PropertiesSize(timer)
	require.NoError(t, publish(most))
	err := publish(most + 1)
	var tooLarge *publisher.MessageTooLargeError
	require.ErrorAs(t, err, &tooLarge)
	require.Equal(t, publisher.MessageTooLargeError{Size: maxBody - 1023, Limit: maxBody - 1024, Timer: true}, *tooLarge)
	require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
	require.Equal(t, 1, storedIn(w.embedded, "rmq_sys_wheel_timer"))
}

// The largest messages there may be, in a topic with the longest name, pass all
// that adds to them: a delay by level, a timer, a half message, a consumer that
// hands them back.
func TestLargestMessagesPass(t *testing.T) {
	for _, version := range []string{"5.5.0", "4.9.7"} {
		t.Run("real "+version, func(t *testing.T) {
			w := realWorld(t, sharedCluster(t, version))
			topic := newTopic(t, "largest")
			topic += strings.Repeat("t", 127-len(topic))
			w.createTopic(t, topic, 1)
			expected := 0
			publish := func(size int, special ...headers.Property) publisher.Result {
				list := special
				room := 32000 - marshaler.PropertiesSize(list) - headers.PropertySize("m", "")
				list = append(list, headers.Property{Name: "m", Value: strings.Repeat("x", room)})
				require.Equal(t, 32000, marshaler.PropertiesSize(list))
				seen := newResults()
				p := publisherIn(t, w, func(c *publisher.Config) {
					c.Compression.Codec = publisher.NoCompression
					c.Marshaler = fixedMarshaler{Body: make([]byte, size), Properties: list}
					c.OnResult = seen.add
				})
				require.NoError(t, p.Publish(topic, newMessage("x")))
				return seen.next(t)
			}
			requireLargest := func(s stored, size int) {
				require.Len(t, s.Body, size)
				require.NotEmpty(t, s.Properties["m"])
			}
			read := func() stored {
				expected++
				return w.read(t, topic, expected)[expected-1]
			}

			publish(maxBody)
			requireLargest(read(), maxBody)
			publish(maxBody, headers.Property{Name: headers.PropertyDelayLevel, Value: "1"})
			requireLargest(read(), maxBody)

			half := publish(maxBody, headers.Property{Name: headers.PropertyTransaction, Value: "true"}, headers.Property{Name: headers.PropertyProducerGroup, Value: "g"})
			requireLargest(fromWitness(w.real.View(t, topic, half.OffsetMessageID)[0]), maxBody)

			if version == realbroker.Versions()[0] {
				most := maxBody - 1024 - 32000
				publish(most, headers.Property{Name: "TIMER_DELAY_MS", Value: "1000"})
				requireLargest(read(), most)
			}

			group := newTopic(t, "group")
			group += strings.Repeat("g", 120-len(group))
			w.real.SendBack(t, topic, group)
			for _, s := range w.read(t, "%RETRY%"+group, expected) {
				require.GreaterOrEqual(t, len(s.Body), maxBody-1024-32000)
				require.NotEmpty(t, s.Properties["m"])
			}
		})
	}
}

// What the limit of timer messages is there for: this broker takes a larger one and
// never delivers it, while one that is due later comes.
func TestBrokerLosesLargerTimerMessages(t *testing.T) {
	w := realWorld(t, sharedCluster(t, realbroker.Versions()[0]))
	topic := newTopic(t, "lost")
	w.createTopic(t, topic, 1)
	for _, timer := range []struct {
		size  int
		delay string
	}{{maxBody, "1000"}, {3, "3000"}} {
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.MaxMessageSize = maxBody + 1<<16
			c.Compression.Codec = publisher.NoCompression
			c.Marshaler = fixedMarshaler{Body: make([]byte, timer.size), Properties: []headers.Property{{Name: "TIMER_DELAY_MS", Value: timer.delay}}}
		})
		require.NoError(t, p.Publish(topic, newMessage("x")))
	}
	require.Len(t, w.read(t, topic, 1)[0].Body, 3)
}

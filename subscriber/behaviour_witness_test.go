package subscriber_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// eachRealEngine runs a test by POP and by pulls on real brokers.
func eachRealEngine(t *testing.T, test func(t *testing.T, w *world, engine subscriber.Engine)) {
	t.Helper()
	t.Run("pop/5.5.0", func(t *testing.T) { test(t, realWorld(t, "5.5.0"), subscriber.POP) })
	for _, version := range []string{"5.5.0", "4.9.7"} {
		t.Run("pull/"+version, func(t *testing.T) { test(t, realWorld(t, version), subscriber.Pull) })
	}
}

// Bodies come as they were before Java compressed them, whichever way it did.
func TestBodiesThatJavaCompressed(t *testing.T) {
	w := realWorld(t, "5.5.0")
	topic := unique("compressed")
	messages := subscribe(t, newSubscriber(t, w.config(subscriber.Auto, unique("group"))), topic)
	const size = 20_000
	for compression, flag := range map[string]int32{"ZLIB": headers.SysFlagZlib, "LZ4": headers.SysFlagLZ4, "ZSTD": headers.SysFlagZstd} {
		sent := w.real.JavaProduce(t, topic, 2, "--size", strconv.Itoa(size), "--compression", compression)
		stored := w.real.View(t, topic, sent[0].OffsetMsgID)[0] // Java takes away the flag that it is compressed
		require.Equal(t, flag, stored.SysFlag&headers.SysFlagCompressionMask, compression)
		require.Less(t, stored.StoreSize, int32(size), compression)
		for range 2 {
			m := next(t, messages)
			require.Equal(t, "java-"+m.Metadata.Get("n")+strings.Repeat(".", size-len("java-0")), string(m.Payload), compression)
			m.Ack()
		}
	}
}

// What Java's producer and rocketmq-client-go send comes, bodies that Java has compressed
// included, with their ids, keys and tags.
func TestMessagesOfOtherProducers(t *testing.T) {
	eachRealEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic := unique("producers")
		messages := subscribe(t, newSubscriber(t, w.config(engine, unique("group"))), topic)
		ids := make(map[string]bool)
		for _, r := range w.real.JavaProduce(t, topic, 20, "--tag", "paid") {
			ids[r.MsgID] = true
		}
		for _, r := range w.real.JavaProduce(t, topic, 20, "--size", "20000") {
			ids[r.MsgID] = true
		}
		for _, r := range realbroker.BuildClientGo(t, w.real.NameServers()).Produce(t, topic, 20) {
			ids[r.MsgID] = true
		}
		require.Len(t, ids, 60)
		kinds := make(map[string]int)
		for got := make(map[string]bool); len(got) < len(ids); {
			m := next(t, messages)
			require.True(t, ids[m.UUID], m.UUID)
			if got[m.UUID] { // a producer that had no answer in time has sent it again
				m.Ack()
				continue
			}
			got[m.UUID] = true
			i := info(t, m)
			require.Equal(t, m.UUID, i.MessageID)
			n := m.Metadata.Get("n")
			require.Equal(t, []string{"key-" + n}, i.Keys)
			client, rest, _ := strings.Cut(string(m.Payload), "-")
			require.True(t, strings.HasPrefix(rest, n), "%.20s", m.Payload)
			kinds[client+" "+i.Tag+" "+strconv.FormatBool(len(m.Payload) == 20_000)]++
			m.Ack()
		}
		require.Equal(t, map[string]int{"java paid false": 20, "java  true": 20, "go  false": 20}, kinds)
	})
}

// A group that our subscriber has left is read on by Java and by rocketmq-client-go, and
// the other way round: what one has acked does not come to the next.
func TestGroupGoesToOtherClientsAndBack(t *testing.T) {
	for _, version := range []string{"5.5.0", "4.9.7"} {
		t.Run(version, func(t *testing.T) {
			w := realWorld(t, version)
			topic, group := unique("handover"), unique("group")
			pub := w.publisher(t)
			ours := func() {
				sub := newSubscriber(t, w.config(subscriber.Pull, group))
				list := publish(t, pub, topic, 20)
				messages := subscribe(t, sub, topic)
				got := make(map[string]bool)
				for len(got) < len(list) {
					m := next(t, messages)
					require.Equal(t, 1, info(t, m).Deliveries)
					got[m.UUID] = true
					m.Ack()
				}
				for _, m := range list {
					require.True(t, got[m.UUID], "one that was acked has come")
				}
				require.NoError(t, sub.Close())
			}
			theirs := func(deliveries func(n int) []realbroker.Delivery) {
				publish(t, pub, topic, 20)
				for _, d := range deliveries(20) {
					require.Zero(t, d.ReconsumeTimes)
				}
				require.Len(t, deliveries(20), 20, "only the new ones")
			}
			// They tell of their offsets every 5 s, and do not wait for the broker's word. What a
			// listener has written down and not returned from when they stop would come again.
			awaitOffsets := func() {
				sub := newSubscriber(t, w.config(subscriber.Pull, group))
				require.Eventually(t, func() bool {
					lag, err := sub.Lag(t.Context(), topic)
					return err == nil && lag.Err() == nil && lag.Messages() == 0
				}, patience, 20*time.Millisecond)
				require.NoError(t, sub.Close())
			}
			cfg := realbroker.ConsumeConfig{Group: group, Topic: topic}
			ours()
			java := w.real.Consume(t, cfg)
			theirs(func(n int) []realbroker.Delivery { return java.Await(t, n) })
			awaitOffsets()
			java.Stop(t)
			ours()
			clientGo := realbroker.BuildClientGo(t, w.real.NameServers()).Consume(t, cfg)
			theirs(func(n int) []realbroker.Delivery { return clientGo.Await(t, n) })
			awaitOffsets()
			clientGo.Stop(t)
			ours()
		})
	}
}

// A group of ours, Java's and rocketmq-client-go's, whose members join and leave while
// 10,000 messages come, loses none. What comes again does so since the broker did not know
// of it when the queue changed hands.
func TestGroupOfThreeClients(t *testing.T) {
	realbroker.RequireFull(t)
	for _, version := range []string{"5.5.0", "4.9.7"} {
		t.Run(version, func(t *testing.T) {
			const all, queues = 10_000, 8
			w := realWorld(t, version)
			topic, group := unique("three"), unique("group")
			cfg := w.config(subscriber.Pull, group)
			cfg.CreateTopics.Queues = queues
			var watched mixedGroup
			stopWatching := watched.watch(t, w, topic, group, queues)
			var mu sync.Mutex
			got := make(map[string]bool)
			distinct := func() int {
				mu.Lock()
				defer mu.Unlock()
				return len(got)
			}
			var wg sync.WaitGroup
			join := func(name string) *subscriber.Subscriber {
				sub := newSubscriber(t, cfg)
				messages := subscribe(t, sub, topic)
				wg.Go(func() {
					for m := range messages {
						mu.Lock()
						got[string(m.Payload)] = true
						mu.Unlock()
						watched.note(name, m)
						m.Ack()
					}
				})
				return sub
			}
			one := join("one")
			p := takePace(t, w, topic, allWell)
			pub := w.publisher(t, func(cfg *publisher.Config) { cfg.CreateTopics.Queues = queues })
			sent := 0
			send := func(n int) {
				list := make([]*message.Message, n)
				for i := range list {
					list[i] = message.NewMessage(strconv.Itoa(sent), []byte(strconv.Itoa(sent)))
					sent++
				}
				require.NoError(t, pub.Publish(topic, list...))
			}
			// sendUntil sends, and goes on until a member that has joined has its part.
			sendUntil := func(takes func() bool) {
				for range all / 5 / 50 {
					send(50)
				}
				require.Eventually(t, func() bool {
					send(50)
					return takes()
				}, patience, 50*time.Millisecond)
			}
			theirs := realbroker.ConsumeConfig{Group: group, Topic: topic}
			sendUntil(func() bool { return distinct() > 0 })
			java := w.real.Consume(t, theirs)
			sendUntil(func() bool { return len(java.Deliveries(t)) > 0 })
			clientGo := realbroker.BuildClientGo(t, w.real.NameServers()).Consume(t, theirs)
			two := join("two")
			sendUntil(func() bool { return len(clientGo.Deliveries()) > 0 })
			require.NoError(t, one.Close())
			sendUntil(func() bool { return true })
			ofJava := java.Stop(t)
			three := join("three")
			sendUntil(func() bool { return true })
			ofGo := clientGo.Stop(t)
			watched.add(javaClient, ofJava)
			watched.add(goClient, ofGo)
			mu.Lock()
			for _, d := range append(ofJava, ofGo...) {
				got[string(d.Body)] = true
			}
			mu.Unlock()
			require.Eventually(t, func() bool { return distinct() == sent }, patience, 100*time.Millisecond, "%d of %d", distinct(), sent)
			require.NoError(t, two.Close())
			require.NoError(t, three.Close())
			wg.Wait()
			for _, q := range w.real.ConsumerProgress(t, group) {
				require.Zero(t, q.Diff, "%+v", q)
			}
			stopWatching()
			t.Logf("%d messages, %d deliveries by Java, %d by rocketmq-client-go", sent, len(ofJava), len(ofGo))
			watched.slack = 2 * p.late()
			watched.check(t)
		})
	}
}

// mqadmin shows how far our groups are.
func TestConsumerProgressIsTrue(t *testing.T) {
	eachRealEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("progress"), unique("group")
		cfg := w.config(engine, group)
		cfg.MaxInFlight.Messages = 10
		sub := newSubscriber(t, cfg)
		messages := subscribe(t, sub, topic)
		pub := w.publisher(t)
		publish(t, pub, topic, 50)
		require.Equal(t, once(50), consume(t, messages, 50))
		require.NoError(t, sub.Close())
		publish(t, pub, topic, 30)
		awaitStored(t, newSubscriber(t, cfg), topic, 80)
		behind, end := int64(0), int64(0)
		for begin := time.Now(); time.Since(begin) < patience; { // a broker shows acks some time after it has them
			behind, end = 0, 0
			var progress []realbroker.QueueProgress
			if engine == subscriber.POP {
				progress = w.real.ConsumerProgressIn(t, group, topic)
			} else {
				progress = w.real.ConsumerProgress(t, group)
			}
			for _, q := range progress {
				if q.Topic == topic {
					behind += q.Diff
					end += q.BrokerOffset
				}
			}
			if end == 80 && behind == 30 {
				break
			}
		}
		require.EqualValues(t, 80, end)
		require.EqualValues(t, 30, behind)
		require.EqualValues(t, 30, lagOf(t, newSubscriber(t, cfg), topic).Messages())
	})
}

// mqadmin finds dead letters by the UUID of Watermill.
func TestDeadLettersAreFoundByKey(t *testing.T) {
	eachRealEngine(t, func(t *testing.T, w *world, engine subscriber.Engine) {
		topic, group := unique("dead"), unique("group")
		buried := make(chan subscriber.MessageEvent, 1)
		cfg := w.config(engine, group)
		cfg.MaxDeliveries = 1
		cfg.Hooks = append(cfg.Hooks, subscriber.Hooks{DeadLettered: func(_ context.Context, e subscriber.MessageEvent) { buried <- e }})
		messages := subscribe(t, newSubscriber(t, cfg), topic)
		list := publish(t, w.publisher(t), topic, 1)
		m := next(t, messages)
		m.Nack()
		await(t, buried)
		letters := w.real.QueryKey(t, "%DLQ%"+group, list[0].UUID) // waits for the index
		require.Len(t, letters, 1)
		found := w.real.AdminMessagesByKey(t, "%DLQ%"+group, list[0].UUID)
		require.Len(t, found, 1)
		letter := w.real.AdminMessageByID(t, "%DLQ%"+group, letters[0].OffsetMsgID)
		require.Equal(t, "0", string(letter.Body))
		require.Equal(t, list[0].UUID, letter.Keys)
	})
}

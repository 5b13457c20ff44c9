package publisher_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// The messages of each key are in one queue, in the order of the calls and within
// each call, though many keys and messages without a key are published at once.
func TestOrderOfKeys(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "keys")
		w.createTopic(t, topic, 4)
		p := publisherIn(t, w, byPayload)
		const keys, calls, each = 16, 5, 7
		var wg sync.WaitGroup
		for k := range keys {
			key := fmt.Sprintf("k%d", k)
			if k == 0 {
				key = "" // a key that is none
			}
			wg.Go(func() {
				messages := keyedMessages(key, calls*each)
				for i := range calls {
					if err := p.Publish(topic, messages[i*each:(i+1)*each]...); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		next, queues := make(map[string]int), make(map[string]int32)
		for _, s := range w.read(t, topic, keys*calls*each) { // by queue and offset
			key, number, _ := strings.Cut(string(s.Body), "-")
			require.Equal(t, key, s.Properties["__SHARDINGKEY"])
			if key == "" {
				continue
			}
			if next[key] == 0 {
				queues[key] = s.QueueID
			}
			require.Equal(t, queues[key], s.QueueID, "key %s", key)
			require.Equal(t, fmt.Sprint(next[key]), number, "key %s", key)
			next[key]++
		}
		require.Len(t, next, keys-1)
	})
}

// The Java producer's SelectMessageQueueByHash sends each key to the same queue.
func TestKeysGoWhereJavaSendsThem(t *testing.T) {
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			w := ownCluster(t, realbroker.Config{Version: version, Brokers: 2})
			topic := newTopic(t, "hash")
			w.createTopic(t, topic, 5)
			seen := newResults()
			p := publisherIn(t, w, func(c *publisher.Config) { byPayload(c); c.OnResult = seen.add })
			used := make(map[string]bool)
			for _, key := range []string{"a", "order", "polygenelubricants", "Größe", "订单", "k😀", "x y", "42", "43", "44", "45"} {
				require.NoError(t, p.Publish(topic, newMessage(key+"-0")))
				ours := seen.next(t).MessageQueue
				java := w.real.JavaProduce(t, topic, 1, "--hash", key)[0]
				require.Equal(t, java.BrokerName, ours.BrokerName, key)
				require.Equal(t, java.QueueID, ours.QueueID, key)
				used[fmt.Sprint(ours)] = true
			}
			require.Greater(t, len(used), 4, "keys that all go to one queue show nothing")
		})
	}
}

// On an order topic, whose queues are in the order of its configuration, too. The
// places are what the Java client of 5.5.0 answered.
func TestKeysOfAnOrderTopic(t *testing.T) {
	placesOfJava := map[string]string{
		"a": "broker-b2", "order": "broker-b0", "polygenelubricants": "broker-a0", "Größe": "broker-b0",
		"订单": "broker-a1", "k😀": "broker-b1", "x y": "broker-a0", "42": "broker-b2", "45": "broker-b0",
	}
	w := embeddedWorld(t, embedded.WithBrokers(2), embedded.WithTopic(orders, 3), embedded.WithOrderTopic(orders, "broker-b:3;broker-a:2"))
	seen := newResults()
	p := publisherIn(t, w, func(c *publisher.Config) { byPayload(c); c.OnResult = seen.add })
	for key, place := range placesOfJava {
		require.NoError(t, p.Publish(orders, newMessage(key+"-0")))
		ours := seen.next(t).MessageQueue
		require.Equal(t, place, fmt.Sprint(ours.BrokerName, ours.QueueID), key)
	}
}

func TestKeysOfAnOrderTopicGoWhereJavaSendsThem(t *testing.T) {
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			w := ownCluster(t, realbroker.Config{Version: version, Brokers: 2, NameServerProps: map[string]string{"orderMessageEnable": "true"}})
			topic := newTopic(t, "ordered")
			w.createTopic(t, topic, 3)
			w.real.Admin(t, "updateOrderConf", "-m", "put", "-t", topic, "-v", "broker-b:3;broker-a:2")
			seen := newResults()
			p := publisherIn(t, w, func(c *publisher.Config) { byPayload(c); c.OnResult = seen.add })
			used := make(map[string]bool)
			for _, key := range []string{"a", "order", "polygenelubricants", "Größe", "订单", "k😀", "x y", "42", "43", "44", "45"} {
				require.NoError(t, p.Publish(topic, newMessage(key+"-0")))
				ours := seen.next(t).MessageQueue
				java := w.real.JavaProduce(t, topic, 1, "--hash", key)[0]
				require.Equal(t, java.BrokerName, ours.BrokerName, key)
				require.Equal(t, java.QueueID, ours.QueueID, key)
				used[fmt.Sprint(ours)] = true
			}
			require.Len(t, used, 5, "no queue is in the same place in the order of names")
		})
	}
}

// A broker with queues of some keys is killed and comes back. Nothing that was
// acknowledged is missing, and in each queue the messages of a key are in order,
// those apart that an attempt without an answer has stored twice.
func TestKeysOutliveABroker(t *testing.T) {
	w := ownCluster(t, realbroker.Config{Version: realbroker.Versions()[0], Brokers: 2, BrokerProps: map[string]string{"flushDiskType": "SYNC_FLUSH"}})
	topic := newTopic(t, "dying")
	w.createTopic(t, topic, 4)
	p := publisherIn(t, w, func(c *publisher.Config) { byPayload(c); c.SendTimeout = 10 * time.Minute })
	const keys, each = 12, 120
	var wg sync.WaitGroup
	half := make(chan struct{})
	var once sync.Once
	for k := range keys {
		wg.Go(func() {
			for i, msg := range keyedMessages(fmt.Sprintf("k%d", k), each) {
				if i == each/2 {
					once.Do(func() { close(half) })
				}
				if err := p.Publish(topic, msg); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	<-half
	require.NoError(t, w.real.Broker(1).Kill())
	require.NoError(t, w.real.Broker(1).Start())
	wg.Wait()
	ids := make(map[string]bool)
	latest := make(map[string]int) // by queue and key
	for _, m := range w.real.Read(t, topic, keys*each) {
		if ids[m.MsgID] {
			continue
		}
		ids[m.MsgID] = true
		var n int
		key, number, _ := strings.Cut(string(m.Body), "-")
		_, err := fmt.Sscan(number, &n)
		require.NoError(t, err)
		row := fmt.Sprint(m.BrokerName, m.QueueID, key)
		if before, ok := latest[row]; ok {
			require.Greater(t, n, before, "%s", row)
		}
		latest[row] = n
	}
	require.Len(t, ids, keys*each)
}

package embedded_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// TestOfficialJavaConsumer lets push consumers of the Java client consume from the
// cluster over TCP: by POP, as the broker assigns it, and by pulls.
func TestOfficialJavaConsumer(t *testing.T) {
	realbroker.Require(t)
	for _, c := range []struct {
		name    string
		server  headers.Version
		cfg     realbroker.ConsumeConfig
		retried string // the topic that failed messages come again from
	}{
		{"POP", headers.Version5_5_0, realbroker.ConsumeConfig{POP: true}, headers.RetryV1.Topic("group", "java")},
		{"POP of 5.1.4", headers.Version5_1_4, realbroker.ConsumeConfig{POP: true}, headers.RetryV1.Topic("group", "java")},
		{"pull", headers.Version5_5_0, realbroker.ConsumeConfig{}, headers.RetryTopicPrefix + "group"},
		{"pull of 4.9.7", headers.Version4_9_7, realbroker.ConsumeConfig{}, headers.RetryTopicPrefix + "group"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := start(t, embedded.WithVersion(c.server), embedded.WithBrokers(2), embedded.WithTopic("java", 2))
			w := realbroker.WitnessFor(t, "5.5.0", cluster.NameServers())
			c.cfg.Group, c.cfg.Topic, c.cfg.FailEvery = "group", "java", 5
			consumer := w.Consume(t, c.cfg)
			sent := w.JavaProduce(t, "java", 20)
			consumer.Await(t, 20)
			had := 0
			require.Eventually(t, func() bool {
				deliveries := consumer.Deliveries(t)
				if len(deliveries) == had {
					cluster.Advance(time.Minute) // what failed waits for its next delivery
				}
				had = len(deliveries)
				return everyoneConsumed(deliveries, len(sent))
			}, 3*time.Minute, 100*time.Millisecond)
			deliveries := consumer.Stop(t)
			again := 0
			for _, d := range deliveries {
				require.Equal(t, "java", d.Topic)
				if d.ReconsumeTimes > 0 {
					again++
				}
			}
			require.GreaterOrEqual(t, again, 4, "one of five failed")
			retried := 0
			for _, m := range messagesIn(cluster, c.retried) {
				require.Positive(t, m.ReconsumeTimes)
				retried++
			}
			require.GreaterOrEqual(t, retried, again)
			if c.cfg.POP {
				require.Positive(t, cluster.Stats().Requests(headers.CodePopMessage))
				require.Zero(t, cluster.Stats().Requests(headers.CodeConsumerSendBack))
				return
			}
			require.Zero(t, cluster.Stats().Requests(headers.CodePopMessage))
			// Java does not wait for the answers to its last commits.
			require.Eventually(t, func() bool {
				left := 0
				for _, b := range cluster.Brokers() {
					for queue := range int32(2) {
						at, _ := b.ConsumerOffset("group", "java", queue)
						left += storedInQueue(cluster, b.Name(), "java", queue) - int(at)
					}
				}
				return left == 0
			}, patience, time.Millisecond, "all is committed")
		})
	}
}

// everyoneConsumed reports whether so many messages were consumed without a failure.
func everyoneConsumed(deliveries []realbroker.Delivery, n int) bool {
	done := make(map[string]bool)
	for _, d := range deliveries {
		if !d.Failed {
			done[d.MsgID] = true
		}
	}
	return len(done) == n
}

func storedInQueue(c *embedded.Cluster, broker, topic string, queue int32) int {
	n := 0
	for _, m := range messagesIn(c, topic) {
		if m.BrokerName == broker && m.QueueID == queue {
			n++
		}
	}
	return n
}

// TestOfficialJavaConsumerSQL92 lets push consumers of the Java client consume what an
// expression selects, by pulls and by POP.
func TestOfficialJavaConsumerSQL92(t *testing.T) {
	realbroker.Require(t)
	cluster := start(t, embedded.WithPropertyFilter(), embedded.WithTopic("java", 2))
	w := realbroker.WitnessFor(t, "5.5.0", cluster.NameServers())
	const selected = "KEYS IN ('key-1', 'key-3') AND TAGS = 'blue'"
	consumers := map[string]*realbroker.JavaConsumer{
		"pull": w.Consume(t, realbroker.ConsumeConfig{Group: "pulls", Topic: "java", SQL: selected}),
		"POP":  w.Consume(t, realbroker.ConsumeConfig{Group: "pops", Topic: "java", SQL: selected, POP: true}),
	}
	var want []string
	for range 2 {
		sent := w.JavaProduce(t, "java", 5, "--tag", "blue")
		want = append(want, sent[1].MsgID, sent[3].MsgID)
		for _, c := range consumers {
			c.Await(t, len(want))
		}
	}
	for name, c := range consumers {
		var got []string
		for _, d := range c.Stop(t) {
			got = append(got, d.MsgID)
		}
		require.ElementsMatch(t, want, got, name)
	}
}

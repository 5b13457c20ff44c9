//go:build unix

package realbroker

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// consumingVersions are the versions that consumers of this module are tested on.
func consumingVersions() []string {
	if Full() {
		return []string{"5.5.0", "5.3.3", "5.1.4", "4.9.7"}
	}
	return Versions()[:1]
}

// The Java client consumes in each of its ways, fails what it is told to fail, and
// mqadmin sees how far its groups are, on every version.
func TestConsuming(t *testing.T) {
	t.Parallel()
	Require(t)
	for _, version := range consumingVersions() {
		t.Run(version, func(t *testing.T) {
			c := Start(t, Config{Version: version, BrokerProps: map[string]string{"enablePropertyFilter": "true"}})
			t.Run("Concurrent", func(t *testing.T) { consumesConcurrently(t, c) })
			t.Run("Orderly", func(t *testing.T) { consumesOrderly(t, c) })
			t.Run("POP", func(t *testing.T) { consumesByPOP(t, c) })
			t.Run("Broadcast", func(t *testing.T) { consumesAll(t, c) })
			t.Run("Filters", func(t *testing.T) { filters(t, c) })
			t.Run("Admin", func(t *testing.T) { administersGroups(t, c) })
		})
	}
}

// Members join and leave a group while it consumes.
func consumesConcurrently(t *testing.T, c *Cluster) {
	c.CreateTopic(t, "work", 4)
	cfg := ConsumeConfig{Group: "workers", Topic: "work", Threads: 2, FailEvery: 5, DelayLevel: 1}
	first := c.Consume(t, cfg)
	sent := c.JavaProduce(t, "work", 20, "--tag", "new")
	deliveries := first.Await(t, 20)
	d := deliveries[0]
	i := indexOf(t, sent, d.MsgID)
	assert.Equal(t, sent[i].OffsetMsgID, d.OffsetMsgID)
	assert.Equal(t, sent[i].QueueID, d.QueueID)
	assert.Equal(t, sent[i].QueueOffset, d.QueueOffset)
	assert.Equal(t, "work", d.Topic)
	assert.Equal(t, c.Broker(0).Name, d.BrokerName)
	assert.Equal(t, "new", d.Tags)
	assert.NotZero(t, d.ReceivedAt)
	for _, d := range deliveries[:4] {
		assert.False(t, d.Failed)
	}
	assert.True(t, deliveries[4].Failed, "the fifth")
	awaitTrue(t, func() bool {
		for _, d := range first.Deliveries(t) {
			if d.ReconsumeTimes > 0 {
				return true
			}
		}
		return false
	}, "a failed message comes again")

	second := c.Consume(t, cfg)
	awaitTrue(t, func() bool {
		c.JavaProduce(t, "work", 8)
		return len(second.Deliveries(t)) > 0
	}, "it gets its share")
	first.Stop(t)
	got := len(first.Deliveries(t))
	awaitTrue(t, func() bool {
		before := len(second.Deliveries(t))
		c.JavaProduce(t, "work", 8)
		second.Await(t, 1)
		return len(second.Deliveries(t)) >= before+8
	}, "it gets all")
	assert.Len(t, first.Deliveries(t), got, "it has left")
}

// The messages of a queue come in order, also those that failed.
func consumesOrderly(t *testing.T, c *Cluster) {
	c.CreateTopic(t, "ordered", 2)
	sent := c.JavaProduce(t, "ordered", 12, "--hash", "one queue")
	consumer := c.Consume(t, ConsumeConfig{Group: "orderly", Topic: "ordered", Orderly: true, FailEvery: 7})
	next := 0
	for _, d := range consumer.Await(t, 12) {
		require.Equal(t, sent[next].MsgID, d.MsgID)
		if !d.Failed {
			next++
		}
	}
	assert.Greater(t, len(consumer.Stop(t)), 12, "one failed")
}

func consumesByPOP(t *testing.T, c *Cluster) {
	cfg := ConsumeConfig{Group: "poppers", Topic: "popped", POP: true}
	c.CreateTopic(t, "popped", 2)
	if c.cfg.Version == "4.9.7" {
		_, err := c.call(cfg.args("pop"), nil)
		require.ErrorContains(t, err, "this version has no setMessageRequestMode")
		return
	}
	c.JavaProduce(t, "popped", 10)
	for _, d := range c.Consume(t, cfg).Await(t, 10) {
		assert.Contains(t, d.Properties, "POP_CK", "it came by POP")
	}
}

func consumesAll(t *testing.T, c *Cluster) {
	c.CreateTopic(t, "news", 2)
	cfg := ConsumeConfig{Group: "listeners", Topic: "news", Broadcast: true}
	consumers := []*JavaConsumer{c.Consume(t, cfg), c.Consume(t, cfg)}
	c.JavaProduce(t, "news", 6)
	for _, consumer := range consumers {
		consumer.Await(t, 6)
	}
}

func filters(t *testing.T, c *Cluster) {
	c.CreateTopic(t, "filtered", 2)
	c.JavaProduce(t, "filtered", 3, "--tag", "a")
	c.JavaProduce(t, "filtered", 3, "--tag", "b")
	byTag := c.Consume(t, ConsumeConfig{Group: "tagged", Topic: "filtered", Tags: "b"})
	bySQL := c.Consume(t, ConsumeConfig{Group: "selected", Topic: "filtered", SQL: "TAGS = 'b' AND n IN ('0', '2')"})
	for _, d := range byTag.Await(t, 3) {
		assert.Equal(t, "b", d.Tags)
	}
	for _, d := range bySQL.Await(t, 2) {
		assert.Contains(t, []string{"0", "2"}, d.Properties["n"])
	}
}

// mqadmin says who consumes, how far they are, and what they gave up.
func administersGroups(t *testing.T, c *Cluster) {
	c.CreateTopic(t, "bills", 1)
	c.CreateGroup(t, "billing", 3)
	begin := time.Now()
	sent := c.JavaProduce(t, "bills", 4, "--tag", "due")
	// The third is given up at once.
	consumer := c.Consume(t, ConsumeConfig{Group: "billing", Topic: "bills", Threads: 1, FailEvery: 3, DelayLevel: -1})
	consumer.Await(t, 4)

	connection := c.ConsumerConnection(t, "billing")
	member := only(t, connection.Members)
	assert.Equal(t, "JAVA", member.Language)
	assert.NotEmpty(t, member.ClientID)
	assert.Contains(t, member.Version, strings.ReplaceAll(c.cfg.Version, ".", "_"))
	assert.Contains(t, connection.Subscriptions, "bills")
	assert.Contains(t, connection.Subscriptions, "%RETRY%billing")
	assert.Equal(t, "CONSUME_PASSIVELY", connection.ConsumeType)
	assert.Equal(t, "CLUSTERING", connection.MessageModel)

	consumer.Stop(t)
	c.JavaProduce(t, "bills", 5)
	// Inflight is what was pulled since the offset, also by members that have left.
	progress := func() []QueueProgress {
		all := c.ConsumerProgress(t, "billing")
		for i := range all {
			all[i].Inflight = 0
		}
		return all
	}
	// Java does not wait for the broker's word when it tells of an offset.
	awaitProgress := func(want QueueProgress) {
		awaitTrue(t, func() bool { return slices.Contains(progress(), want) }, "the progress")
	}
	awaitProgress(QueueProgress{Topic: "bills", BrokerName: c.Broker(0).Name, BrokerOffset: 9, ConsumerOffset: 4, Diff: 5})

	const deadLetters = "%DLQ%billing"
	dead := only(t, c.Read(t, deadLetters, 1))
	assert.Equal(t, sent[2].MsgID, dead.MsgID)
	require.NotEmpty(t, c.QueryKey(t, deadLetters, "key-2"), "the index knows it")
	assert.Equal(t, []AdminKey{{MsgID: sent[2].MsgID}}, c.AdminMessagesByKey(t, deadLetters, "key-2"))
	m := c.AdminMessageByID(t, deadLetters, dead.OffsetMsgID)
	assert.Equal(t, dead.OffsetMsgID, m.OffsetMsgID)
	assert.Equal(t, deadLetters, m.Topic)
	assert.Equal(t, "due", m.Tags)
	assert.Equal(t, "key-2", m.Keys)
	assert.Equal(t, "java-2", string(m.Body))
	assert.Contains(t, m.Properties, "ORIGIN_MESSAGE_ID")

	c.ResetOffsetByTime(t, "billing", "bills", begin)
	awaitProgress(QueueProgress{Topic: "bills", BrokerName: c.Broker(0).Name, BrokerOffset: 9, Diff: 9})
}

// awaitTrue waits until a condition holds. Unlike [require.Eventually] it asks in the
// goroutine of the test, so that the condition may end the test.
func awaitTrue(t *testing.T, condition func() bool, what string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*consumePatience)
	defer cancel()
	require.NoError(t, poll(ctx, 4*readyInterval, func() (bool, error) { return condition(), nil }), what)
}

func indexOf(t *testing.T, sent []SendResult, id string) int {
	t.Helper()
	for i, s := range sent {
		if s.MsgID == id {
			return i
		}
	}
	require.Fail(t, "it was not sent", id)
	return -1
}

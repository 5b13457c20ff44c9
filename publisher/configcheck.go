package publisher

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Validate reports everything that is wrong with the configuration, each fault
// with the path of its field, such as Cluster.NameServers. Zero values are no faults:
// they stand for defaults, where there are any.
func (c Config) Validate() error {
	var l faults.List
	// These three are of what the caller has set, not of defaults.
	c.checkIdle(&l)
	c.checkTransactionGroup(&l)
	isLent := c.Client != nil
	if !lent.Check(&l, c.Client, c.Cluster) {
		c.Client = nil
	}
	c.setDefaults()
	if !isLent { // else rocketmq.Connect has looked at it
		l.Of("Cluster", c.Cluster.Validate())
	}
	group := c.ProducerGroup
	if c.checkTopicsNamespace(&l) {
		group = topicname.WrapNamespace(c.Cluster.Namespace, group)
	}
	if !topicname.IsGroup(group) {
		l.Add("ProducerGroup is %q, want 1 to %d letters, digits and _-%%|", group, topicname.MaxGroupLength)
	}
	if err := marshaler.CheckTopicName(c.AutoCreate.DefaultTopic); err != nil && !errors.Is(err, marshaler.ErrTopicReserved) {
		l.Add("AutoCreate.DefaultTopic: %w", err)
	}
	if err := marshaler.CheckTopicName(c.Trace.Topic); err != nil && !errors.Is(err, marshaler.ErrTopicReserved) {
		l.Add("Trace.Topic: %w", err)
	}
	l.Of("CreateTopics", c.CreateTopics.Validate())
	for _, n := range []struct {
		name         string
		value, least int
		most         int
	}{
		{"Batch.MaxMessages", c.Batch.MaxMessages, 1, 1 << 16},
		{"Batch.MaxBytes", c.Batch.MaxBytes, 0, headers.MaxFrameSize - 1<<16},
		{"Waiting.Messages", c.Waiting.Messages, 1, math.MaxInt},
		{"Waiting.Bytes", c.Waiting.Bytes, 1, math.MaxInt},
		{"Trace.Waiting", c.Trace.Waiting, 1, math.MaxInt},
		{"MaxPropertiesSize", c.MaxPropertiesSize, 1, headers.MaxPropertiesSize},
		{"MaxMessageSize", c.MaxMessageSize, 1, headers.MaxFrameSize - 1<<16},
		{"AutoCreate.Queues", c.AutoCreate.Queues, 1, 1 << 16},
	} {
		l.Int(n.name, n.value, n.least, n.most)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"SendTimeout", c.SendTimeout},
		{"AttemptTimeout", c.AttemptTimeout},
		{"Backoff.Min", c.Backoff.Min},
		{"Backoff.Max", c.Backoff.Max},
		{"Avoidance.SlowAfter", c.Avoidance.SlowAfter},
		{"Avoidance.FailedFor", c.Avoidance.FailedFor},
		{"CloseTimeout", c.CloseTimeout},
		{"Batch.Linger", c.Batch.Linger},
	} {
		l.Duration(d.name, d.value)
	}
	c.Compression.check(&l)
	c.Delay.check(&l)
	c.Queues.check(&l)
	c.Transaction.check(&l)
	c.checkTransactionTopics(&l)
	// What is a fault by itself makes no second one in a comparison.
	if c.SendTimeout >= 0 && c.Batch.Linger >= c.SendTimeout {
		l.Add("Batch.Linger (%v) is not less than SendTimeout (%v)", c.Batch.Linger, c.SendTimeout)
	}
	if c.MaxMessageSize >= 0 && c.Batch.MaxBytes > c.MaxMessageSize {
		l.Add("Batch.MaxBytes (%d) is more than MaxMessageSize (%d)", c.Batch.MaxBytes, c.MaxMessageSize)
	}
	if c.Backoff.Max >= 0 && c.Backoff.Min > c.Backoff.Max {
		l.Add("Backoff.Min (%v) is more than Backoff.Max (%v)", c.Backoff.Min, c.Backoff.Max)
	}
	return l.Err("publisher: config")
}

// checkIdle reports fields that are set and would do nothing, since what they belong
// to is not switched on.
func (c *Config) checkIdle(l *faults.List) {
	for _, f := range []struct {
		set, used   bool
		name, needs string
	}{
		{c.Trace.Topic != "", c.Trace.Enabled, "Trace.Topic", "Trace.Enabled"},
		{c.Trace.Waiting != 0, c.Trace.Enabled, "Trace.Waiting", "Trace.Enabled"},
		{c.Trace.OwnConnections, c.Trace.Enabled, "Trace.OwnConnections", "Trace.Enabled"},
		{c.Queues.KeyHash != "", c.OrderingKey != nil, "Queues.KeyHash", "OrderingKey"},
		{c.Queues.KeyHashFunc != nil, c.OrderingKey != nil, "Queues.KeyHashFunc", "OrderingKey"},
		{c.Batch.Linger != 0, c.Batch.MaxMessages != 1, "Batch.Linger", "Batch.MaxMessages other than 1"},
	} {
		if f.set && !f.used {
			l.Add("%s is set and does nothing without %s", f.name, f.needs)
		}
	}
}

// checkTransactionGroup wants a group that no other program has by accident. It
// looks at the configuration before defaults are set.
func (c *Config) checkTransactionGroup(l *faults.List) {
	if c.Transaction.Check == nil {
		return
	}
	state := "empty"
	switch c.ProducerGroup {
	case "":
	case DefaultProducerGroup:
		state = fmt.Sprintf("%q, the default", DefaultProducerGroup)
	default:
		return
	}
	l.Add("ProducerGroup is %s: with Transaction.Check it has to be a name of the program's own, since a broker asks any producer of the group about a transaction", state)
}

// checkTransactionTopics reports topics of Transaction that are none.
func (c *Config) checkTransactionTopics(l *faults.List) {
	if c.Transaction.Check == nil {
		return // they are a fault by themselves
	}
	for _, topic := range c.Transaction.Topics {
		if _, err := c.Topics.MapTopic(topic); err != nil {
			l.Add("Transaction.Topics: %w", err)
		}
	}
}

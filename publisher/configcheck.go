package publisher

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// maxGroupLength is what brokers since 5.4.0 take, so that the names of retry
// topics made from the group still fit (TopicValidator.GROUP_MAX_LENGTH).
const maxGroupLength = 120

// Validate reports everything that is wrong with the configuration, each fault
// with the name of its field. Zero values are no faults: they stand for defaults,
// where there are any.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf(format, args...))
	}
	// These two are of what the caller has set, not of defaults.
	c.checkIdle(fault)
	c.checkTransactionGroup(fault)
	c.setDefaults()
	names := routing.Config{NameServers: c.NameServers, Resolver: c.Resolver, ResolveInterval: c.ResolveInterval}
	if err := names.Validate(); err != nil {
		faults = append(faults, errors.Unwrap(err)) // without the names of package and struct
	}
	group := c.ProducerGroup
	if c.checkNamespaces(fault) {
		group = wrapNamespace(c.Namespace, group)
	}
	if !legalGroup(group) {
		fault("ProducerGroup is %q, want 1 to %d letters, digits and _-%%|", group, maxGroupLength)
	}
	if err := marshaler.CheckTopicName(c.AutoCreate.DefaultTopic); err != nil && !errors.Is(err, marshaler.ErrTopicReserved) {
		fault("AutoCreate.DefaultTopic: %w", err)
	}
	if err := marshaler.CheckTopicName(c.Trace.Topic); err != nil && !errors.Is(err, marshaler.ErrTopicReserved) {
		fault("Trace.Topic: %w", err)
	}
	if _, ok := codecs[c.Compression.Codec]; !ok && c.Compression.Codec != NoCompression {
		fault("Compression.Codec is %q, want zlib, lz4, zstd or none", c.Compression.Codec)
	}
	faults = append(faults, c.CreateTopics.faults()...)
	if err := c.checkCredentials(); err != nil {
		faults = append(faults, err)
	}
	if c.Headers != BinaryHeaders && c.Headers != JSONHeaders {
		fault("Headers is %q, want binary or json", c.Headers)
	}
	for _, n := range []struct {
		name         string
		value, least int
		most         int
	}{
		{"Compression.Level", c.Compression.Level, 0, 9},
		{"Compression.Threshold", c.Compression.Threshold, 1, 1 << 30},
		{"Batch.MaxMessages", c.Batch.MaxMessages, 1, 1 << 16},
		{"Batch.MaxBytes", c.Batch.MaxBytes, 0, headers.MaxFrameSize - 1<<16},
		{"Waiting.Messages", c.Waiting.Messages, 1, math.MaxInt},
		{"Waiting.Bytes", c.Waiting.Bytes, 1, math.MaxInt},
		{"Trace.Waiting", c.Trace.Waiting, 1, math.MaxInt},
		{"MaxPropertiesSize", c.MaxPropertiesSize, 1, headers.MaxPropertiesSize},
		{"MaxMessageSize", c.MaxMessageSize, 1, headers.MaxFrameSize - 1<<16},
		{"AutoCreate.Queues", c.AutoCreate.Queues, 1, 1 << 16},
	} {
		if n.value < n.least || n.value > n.most {
			fault("%s is %d, want %d to %d", n.name, n.value, n.least, n.most)
		}
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
		{"DialTimeout", c.DialTimeout},
		{"HeartbeatInterval", c.HeartbeatInterval},
		{"RouteRefreshInterval", c.RouteRefreshInterval},
		{"CloseTimeout", c.CloseTimeout},
		{"Batch.Linger", c.Batch.Linger},
	} {
		if d.value < 0 {
			fault("%s is %v, want 0 or more", d.name, d.value)
		}
	}
	c.Delay.faults(fault)
	// What is a fault by itself makes no second one in a comparison.
	if c.SendTimeout >= 0 && c.Batch.Linger >= c.SendTimeout {
		fault("Batch.Linger (%v) is not less than SendTimeout (%v)", c.Batch.Linger, c.SendTimeout)
	}
	if c.MaxMessageSize >= 0 && c.Batch.MaxBytes > c.MaxMessageSize {
		fault("Batch.MaxBytes (%d) is more than MaxMessageSize (%d)", c.Batch.MaxBytes, c.MaxMessageSize)
	}
	if err := c.Queues.validate(); err != nil {
		faults = append(faults, err)
	}
	if c.Backoff.Max >= 0 && c.Backoff.Min > c.Backoff.Max {
		fault("Backoff.Min (%v) is more than Backoff.Max (%v)", c.Backoff.Min, c.Backoff.Max)
	}
	faults = append(faults, c.Transaction.faults(c.Topics)...)
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("publisher: config: %w", err)
	}
	return nil
}

// checkIdle reports fields that are set and would do nothing, since what they belong
// to is not switched on.
func (c *Config) checkIdle(fault func(format string, args ...any)) {
	for _, f := range []struct {
		set, used   bool
		name, needs string
	}{
		{c.Trace.Topic != "", c.Trace.Enabled, "Trace.Topic", "Trace.Enabled"},
		{c.Trace.Waiting != 0, c.Trace.Enabled, "Trace.Waiting", "Trace.Enabled"},
		{c.Queues.KeyHash != "", c.OrderingKey != nil, "Queues.KeyHash", "OrderingKey"},
		{c.Queues.KeyHashFunc != nil, c.OrderingKey != nil, "Queues.KeyHashFunc", "OrderingKey"},
		{c.Batch.Linger != 0, c.Batch.MaxMessages != 1, "Batch.Linger", "Batch.MaxMessages other than 1"},
	} {
		if f.set && !f.used {
			fault("%s is set and does nothing without %s", f.name, f.needs)
		}
	}
}

// checkTransactionGroup wants a group that no other program has by accident. It
// looks at the configuration before defaults are set.
func (c *Config) checkTransactionGroup(fault func(format string, args ...any)) {
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
	fault("ProducerGroup is %s: with Transaction.Check it has to be a name of the program's own, since a broker asks any producer of the group about a transaction", state)
}

func legalGroup(group string) bool {
	for _, r := range group {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_-%|", r):
		default:
			return false
		}
	}
	return len(group) <= maxGroupLength
}

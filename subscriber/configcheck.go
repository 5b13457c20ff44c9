package subscriber

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Bounds of Config.Lease: brokers look for messages to deliver again every second, and
// cannot keep a lease of more than three days (PopMessageProcessor, 5.5.0).
const (
	minLease = time.Second
	maxLease = 12 * time.Hour
)

// Validate reports everything that is wrong with the configuration, each fault with the
// path of its field, such as Cluster.NameServers. Zero values are no faults: they stand for
// defaults, where there are any.
func (c Config) Validate() error {
	var l faults.List
	isLent := c.Client != nil
	if !lent.Check(&l, c.Client, c.Cluster) {
		c.Client = nil
	}
	c.checkIdle(&l)
	c.setDefaults()
	if !isLent { // else rocketmq.Connect has looked at it
		l.Of("Cluster", c.Cluster.Validate())
	}
	if group := topicname.WrapNamespace(c.Cluster.Namespace, c.Group); !topicname.IsGroup(group) {
		l.Add("Group is %q, want 1 to %d letters, digits and _-%%|", c.Group, topicname.MaxGroupLength)
	}
	switch c.Engine {
	case Auto, POP, Pull:
	default:
		l.Add("Engine is %q, want Auto, POP or Pull", c.Engine)
	}
	for _, topic := range slices.Sorted(maps.Keys(c.Filters)) {
		if err := c.Filters[topic].Validate(); err != nil {
			l.Add("Filters[%q]: %w", topic, err)
		}
	}
	if _, ok := c.Unreadable.of(); !ok {
		l.Add("Unreadable is %q, want UnreadableToDeadLetter, UnreadableSkip or UnreadableRedeliver", c.Unreadable)
	}
	if c.MaxDeliveries < 1 && c.MaxDeliveries != Endless {
		l.Add("MaxDeliveries is %d, want 1 or more, or Endless", c.MaxDeliveries)
	}
	l.Int("MaxInFlight.Messages", c.MaxInFlight.Messages, 1, 1<<20)
	l.Int("MaxInFlight.Bytes", c.MaxInFlight.Bytes, 1, math.MaxInt)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Redelivery.MinPause", c.Redelivery.MinPause},
		{"Redelivery.MaxPause", c.Redelivery.MaxPause},
		{"Redelivery.MaxLocalPause", c.Redelivery.MaxLocalPause},
		{"MaxProcessing", c.MaxProcessing},
		{"CommitInterval", c.CommitInterval},
		{"RequestTimeout", c.RequestTimeout},
		{"StartTimeout", c.StartTimeout},
		{"CloseTimeout", c.CloseTimeout},
	} {
		l.Duration(d.name, d.value)
	}
	if c.Redelivery.MaxPause >= 0 && c.Redelivery.MinPause > c.Redelivery.MaxPause {
		l.Add("Redelivery.MinPause (%v) is more than Redelivery.MaxPause (%v)", c.Redelivery.MinPause, c.Redelivery.MaxPause)
	}
	if c.Lease < minLease || c.Lease > maxLease {
		l.Add("Lease is %v, want %v to %v", c.Lease, minLease, maxLease)
	}
	topicname.Check(&l, "Topics", c.Topics, c.Cluster.Namespace)
	l.Of("CreateTopics", c.CreateTopics.Validate())
	return l.Err("subscriber: config")
}

// checkIdle reports fields that are set and would do nothing. It looks at the
// configuration before defaults are set.
func (c *Config) checkIdle(l *faults.List) {
	if c.Group == "" && c.Engine == POP {
		l.Add("Engine is POP, which needs a Group")
	}
	for _, f := range []struct {
		set, used   bool
		name, needs string
	}{
		{c.Lease != 0, c.Engine != Pull && c.Group != "", "Lease", "POP"},
		{c.CommitInterval != 0, c.Engine != POP && c.Group != "", "CommitInterval", "Pull and a Group"},
	} {
		if f.set && !f.used {
			l.Add("%s is set and does nothing without %s", f.name, f.needs)
		}
	}
}

// setDefaults sets the fields that have the zero value.
func (c *Config) setDefaults() {
	if c.Client != nil {
		c.Cluster = c.Client.Cluster()
	}
	if c.Unmarshaler == nil {
		c.Unmarshaler = marshaler.Default{}
	}
	if c.Topics == nil {
		c.Topics = marshaler.EscapeTopics{}
	}
	c.Topics = topicname.InNamespace(c.Topics, c.Cluster.Namespace)
	setDefault(&c.Redelivery.MinPause, 100*time.Millisecond)
	setDefault(&c.Redelivery.MaxPause, max(10*time.Minute, c.Redelivery.MinPause))
	setDefault(&c.Redelivery.MaxLocalPause, 5*time.Second)
	setDefault(&c.MaxDeliveries, 16)
	setDefault(&c.MaxInFlight.Messages, 256)
	setDefault(&c.MaxInFlight.Bytes, 64<<20)
	setDefault(&c.MaxProcessing, time.Hour)
	setDefault(&c.Lease, time.Minute)
	setDefault(&c.CommitInterval, time.Second)
	setDefault(&c.RequestTimeout, 3*time.Second)
	setDefault(&c.StartTimeout, 15*time.Second)
	setDefault(&c.CloseTimeout, 10*time.Second)
	c.CreateTopics = c.CreateTopics.WithDefaults()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

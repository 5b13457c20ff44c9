package topics

import (
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
)

// maxQueues is the most queues that a topic may have on a broker. Nothing in
// RocketMQ bounds them; a route may have as many, all brokers together.
const maxQueues = 1 << 16

// Config says whether a client creates topics that do not exist, and how. It creates
// them on every master of the cluster: unlike the topics that brokers create by
// themselves (AutoCreate), which are there on those that got a message. Brokers with
// access control take this from administrators only.
type Config struct {
	// Enabled lets a client create a topic when it first needs it, such as Publish
	// before the first message goes to a topic that has no route of its own. The
	// method CreateTopic does so in any case.
	Enabled bool
	// Queues is the number of queues on each broker, to read from and to write
	// to. 4 by default.
	Queues int
	// MessageType says which kind of messages the topic is for, as
	// RocketMQ 5.x knows it. None by default, which brokers take for Normal.
	// Brokers of 4.9 know no types: there a type ends in an *rocketmq.UnsupportedError.
	MessageType MessageType
	// Permission is ReadWrite by default.
	Permission Permission
	// Cluster is the name of the cluster to create topics in. It is needed where
	// several clusters share name servers.
	Cluster string
}

// WithDefaults returns the settings with the default in each field that is zero.
// Clients call it by themselves.
func (c Config) WithDefaults() Config {
	if c.Queues == 0 {
		c.Queues = 4
	}
	if c.Permission == "" {
		c.Permission = ReadWrite
	}
	return c
}

// Validate reports everything that is wrong with the settings. Zero values are no
// faults: they stand for defaults. The error wraps one error for each fault, joined by
// errors.Join, whose text begins with the name of the field. Clients call it by
// themselves.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var l faults.List
	l.Int("Queues", c.Queues, 1, maxQueues)
	switch c.MessageType {
	case "", Normal, FIFO, Delay, Transaction, Mixed:
	default:
		l.Add("MessageType is %q, want NORMAL, FIFO, DELAY, TRANSACTION or MIXED", c.MessageType)
	}
	if c.Permission != ReadWrite && c.Permission != WriteOnly {
		l.Add("Permission is %q, want RW or W", c.Permission)
	}
	return l.Err("topics: config")
}

// String tells the settings in a few words.
func (c Config) String() string {
	parts := []string{fmt.Sprintf("%d queues on each broker", c.Queues)}
	if c.MessageType != "" {
		parts = append(parts, "message type "+string(c.MessageType))
	}
	if c.Permission == WriteOnly {
		parts = append(parts, "write only")
	}
	return strings.Join(parts, ", ")
}

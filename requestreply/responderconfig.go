package requestreply

import (
	"fmt"
	"math"
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/lent"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// ResponderConfig sets up a Responder. Cluster, or Client in its place, must be set; the
// zero value of each other field stands for its default.
type ResponderConfig struct {
	// Cluster is where the requests come from, and how to get there.
	Cluster rocketmq.Cluster
	// Client, if it is set, lends the responder its connections, as subscriber.Config.Client
	// does; Cluster must be zero then.
	Client *rocketmq.Client

	// ProducerGroup is told to brokers and requesters with each reply.
	// publisher.DefaultProducerGroup by default.
	ProducerGroup string

	// Marshaler turns replies into RocketMQ messages. marshaler.Default by default. It is
	// given the topic of replies, which is RocketMQ's own, and is called by many goroutines
	// at once.
	Marshaler marshaler.Marshaler

	// Compression of replies, as publisher.Config.Compression.
	Compression publisher.CompressionConfig

	// MaxReplySize is the most bytes of a reply's body, as sent. 4 MiB by default, which
	// brokers have as well.
	MaxReplySize int

	// ReplyTimeout bounds the sending of a reply, with all attempts. 3 s by default. It ends
	// when the requester waits no longer, unless HandleExpired is set.
	ReplyTimeout time.Duration

	// HandleExpired has requests handled that nobody waits for any more, as the Java client
	// does, and lets handlers take as long as they like. By default the handler of such a
	// request is not called, and the context of a request ends when the requester waits no
	// longer.
	HandleExpired bool
}

// Validate reports everything that is wrong with the configuration, each fault with the
// path of its field. Zero values are no faults: they stand for defaults, where there are
// any.
func (c ResponderConfig) Validate() error {
	var l faults.List
	isLent := c.Client != nil
	if !lent.Check(&l, c.Client, c.Cluster) {
		c.Client = nil
	}
	c.setDefaults()
	if !isLent { // else rocketmq.Connect has looked at it
		l.Of("Cluster", c.Cluster.Validate())
	}
	if group := topicname.WrapNamespace(c.Cluster.Namespace, c.ProducerGroup); !topicname.IsGroup(group) {
		l.Add("ProducerGroup is %q, want 1 to %d letters, digits and _-%%|", group, topicname.MaxGroupLength)
	}
	if _, err := c.compressor(); err != nil {
		l.Add("Compression: %w", err)
	}
	l.Int("Compression.Threshold", c.Compression.Threshold, 1, math.MaxInt32)
	l.Int("MaxReplySize", c.MaxReplySize, 1, math.MaxInt32)
	l.Duration("ReplyTimeout", c.ReplyTimeout)
	return l.Err("requestreply: config")
}

func (c *ResponderConfig) setDefaults() {
	if c.Client != nil {
		c.Cluster = c.Client.Cluster()
	}
	c.Cluster = c.Cluster.WithDefaults()
	setDefault(&c.ProducerGroup, publisher.DefaultProducerGroup)
	if c.Marshaler == nil {
		c.Marshaler = marshaler.Default{}
	}
	setDefault(&c.Compression.Codec, publisher.Zlib)
	setDefault(&c.Compression.Threshold, 4096)
	setDefault(&c.MaxReplySize, 4<<20)
	setDefault(&c.ReplyTimeout, 3*time.Second)
}

// compressor returns nil if replies are not compressed.
func (c *ResponderConfig) compressor() (*body.Compressor, error) {
	var codec body.Compression
	switch c.Compression.Codec {
	case publisher.NoCompression:
		return nil, nil
	case publisher.Zlib:
		codec = body.Zlib
	case publisher.LZ4:
		codec = body.LZ4
	case publisher.Zstd:
		codec = body.Zstd
	default:
		return nil, fmt.Errorf("codec %q, want zlib, lz4, zstd or none", c.Compression.Codec)
	}
	return body.NewCompressor(codec, c.Compression.Level)
}

package requestreply

import (
	"math"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// RequesterConfig sets up a Requester. Publisher must say where the cluster is; the zero
// value of each other field stands for its default.
type RequesterConfig struct {
	// Publisher is how requests are sent: the cluster, the group, topics, retries, hooks.
	// ProducerGroup must not be one that has transactions: brokers would ask the Requester
	// about them. SendTimeout, 3 s by default, bounds the sending of a request within its
	// Timeout: one that could not be sent by then fails as not sent.
	//
	// The Requester has connections of its own also if there is a Publisher.Client, of
	// which it takes the Cluster alone. A broker finds the one who waits for a reply by his
	// client id, and forgets that when any producer group of the client says goodbye
	// (ProducerManager.unregisterProducer, 4.9.7 and 5.5.0): a publisher that is closed
	// would make a requester on the same Client deaf. The Requester itself says goodbye to a
	// broker, and is heard of again at once, some times after a connection to it was lost.
	//
	// Each request goes alone, whatever Publisher.Batch says (property WAIT), since brokers
	// from 5.4.0 on do not tell responders the cluster of a message in a batch.
	Publisher publisher.Config

	// Unmarshaler makes Watermill messages of replies. By default it is
	// Publisher.Marshaler, if that is an Unmarshaler, or else marshaler.Default. It is
	// given the topic of replies, which is RocketMQ's own, and is called by the goroutines
	// of Request.
	Unmarshaler marshaler.Unmarshaler

	// Timeout bounds Request, from the call to the reply. 10 s by default. A context that
	// ends sooner counts. It is told to responders (TTL), which brokers do not look at;
	// never as less than a second.
	Timeout time.Duration

	// MaxWaiting bounds how many requests wait at once, for their reply or to be sent.
	// Further ones wait for their turn, within their time. 10000 by default.
	MaxWaiting int

	// MaxReplySize is the most bytes that a reply may have when it is decompressed. 64 MiB
	// by default.
	MaxReplySize int

	// CloseTimeout bounds how long Close waits for replies. 10 s by default.
	CloseTimeout time.Duration
}

// Validate reports everything that is wrong with the configuration, each fault with the
// path of its field. Zero values are no faults: they stand for defaults, where there are
// any.
func (c RequesterConfig) Validate() error {
	var l faults.List
	l.Of("Publisher", c.Publisher.Validate())
	c.setDefaults()
	l.Int("MaxWaiting", c.MaxWaiting, 1, math.MaxInt32)
	l.Int("MaxReplySize", c.MaxReplySize, 1, math.MaxInt32)
	l.Duration("Timeout", c.Timeout)
	l.Duration("CloseTimeout", c.CloseTimeout)
	return l.Err("requestreply: config")
}

func (c *RequesterConfig) setDefaults() {
	if c.Unmarshaler == nil {
		c.Unmarshaler, _ = c.Publisher.Marshaler.(marshaler.Unmarshaler)
	}
	setDefault(&c.Timeout, 10*time.Second)
	setDefault(&c.MaxWaiting, 10000)
	setDefault(&c.MaxReplySize, 64<<20)
	setDefault(&c.CloseTimeout, 10*time.Second)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

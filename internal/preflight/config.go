package preflight

import (
	"context"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Config is what a check works with: the parts of the client that will send the messages,
// so that the check sees what that one sees, and what the client is set up for.
type Config struct {
	// Use is what the client does.
	Use    Use
	Client *transport.Client
	Routes *routing.Table
	// Cluster is that of the client, with its defaults.
	Cluster rocketmq.Cluster
	// Topic returns RocketMQ's name of a topic.
	Topic func(topic string) (string, error)
	// SendAddr returns where requests go that are for the broker registered at addr.
	SendAddr func(addr string) string
	// Group is the producer or the consumer group; a subscriber may have none. Heartbeat
	// sends the client's heartbeat to a broker and waits for its answer.
	Group     string
	Heartbeat func(ctx context.Context, addr string) error
	// MaxMessageSize is the most bytes of a body, of a publisher.
	MaxMessageSize int
	// DefaultTopic is the topic that brokers create others after.
	DefaultTopic string
	// CreateTopics says how the client creates topics, with its defaults.
	CreateTopics topics.Config
	// TraceTopic is where traces go, empty if there are none.
	TraceTopic string
	// Closed is closed when the client closes and the check has to end, with ErrClosed.
	Closed    <-chan struct{}
	ErrClosed error
}

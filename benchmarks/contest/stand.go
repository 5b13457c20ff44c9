package contest

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
)

// topicName and topicQueues are those of the one topic that all send to; the
// number is that of a broker's default topic.
const (
	topicName   = "bench"
	topicQueues = 8
)

// stand is a broker with the topic.
type stand struct {
	*broker.Broker
	*broker.Topic
}

func (c *course) startNull(ctx context.Context) (*stand, error) {
	b, err := broker.StartNull(ctx, c.settings.Executable)
	if err != nil {
		return nil, err
	}
	return openStand(ctx, b)
}

// startReal runs a real broker, which deletes what it has stored when it is told
// to: nobody reads it.
func (c *course) startReal(ctx context.Context) (*stand, error) {
	b, err := broker.StartReal(ctx, c.settings.Version, filepath.Join(c.dir, "store"), map[string]string{
		"mappedFileSizeCommitLog":         strconv.Itoa(256 << 20),
		"mappedFileSizeConsumeQueue":      strconv.Itoa(20 * 300_000),
		"maxHashSlotNum":                  "1250000",
		"maxIndexNum":                     "5000000",
		"fileReservedTime":                "0",
		"deleteWhen":                      farHour(),
		"cleanResourceInterval":           "1000",
		"deleteFileBatchMax":              "100",
		"deleteCommitLogFilesInterval":    "10",
		"deleteConsumeQueueFilesInterval": "10",
	}, c.settings.Log.Printf)
	if err != nil {
		return nil, err
	}
	return openStand(ctx, b)
}

// openStand makes the topic.
func openStand(ctx context.Context, b *broker.Broker) (*stand, error) {
	topic, err := b.CreateTopic(ctx, topicName, topicQueues)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &stand{b, topic}, nil
}

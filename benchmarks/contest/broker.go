package contest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// topicName and topicQueues are those of the one topic that all send to; the
// number is that of a broker's default topic.
const (
	topicName   = "bench"
	topicQueues = 8
)

// broker is the null broker or the real one, both processes of their own.
type broker struct {
	nameServer string
	addr       string
	queues     []routing.MessageQueue
	client     *transport.Client
	store      string // folder, empty for the null broker
	end        func() error
}

// startNull runs the null broker as a subcommand.
func (c *course) startNull(ctx context.Context) (*broker, error) {
	p, err := child.Start(ctx, "null broker", exec.Command(c.settings.Executable, "null-broker"))
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(p.Out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(p.Lost(err), p.Close())
	}
	return openBroker(ctx, &broker{nameServer: strings.TrimSpace(line), end: p.Close})
}

// startReal runs a real broker, which deletes what it has stored when it is told
// to: nobody reads it.
func (c *course) startReal(ctx context.Context) (*broker, error) {
	store := filepath.Join(c.dir, "store")
	cluster, err := realbroker.Launch(ctx, realbroker.Config{
		Version: c.settings.Version,
		BrokerProps: map[string]string{
			"storePathRootDir":                store,
			"storePathCommitLog":              filepath.Join(store, "commitlog"),
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
		},
	}, c.settings.Log.Printf)
	if err != nil {
		return nil, err
	}
	return openBroker(ctx, &broker{nameServer: cluster.NameServers()[0], store: store, end: cluster.Close})
}

// openBroker makes the topic and finds its queues.
func openBroker(ctx context.Context, b *broker) (*broker, error) {
	var err error
	if b.client, err = transport.New(transport.Config{Serialization: headers.Binary}); err != nil {
		return nil, errors.Join(err, b.end())
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := b.createTopic(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("contest: topic: %w", err), b.close())
	}
	return b, nil
}

func (b *broker) createTopic(ctx context.Context) error {
	route, err := b.route(ctx)
	if err != nil {
		return err
	}
	b.addr = route.Brokers()[0].Addr
	create := &headers.CreateTopic{
		Topic: topicName, ReadQueues: topicQueues, WriteQueues: topicQueues,
		Perm: headers.PermRead | headers.PermWrite,
	}
	if _, err := b.ask(ctx, create, nil); err != nil {
		return err
	}
	for route.FromDefaultTopic() || len(route.Queues()) != topicQueues {
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		if route, err = b.route(ctx); err != nil {
			return err
		}
	}
	b.queues = route.Queues()
	return nil
}

// route asks the name server anew.
func (b *broker) route(ctx context.Context) (*routing.Route, error) {
	table, err := routing.New(routing.Config{NameServers: []string{b.nameServer}}, b.client)
	if err != nil {
		return nil, err
	}
	route, err := table.Route(ctx, topicName)
	return route, errors.Join(err, table.Close())
}

func (b *broker) close() error { return errors.Join(b.client.Close(), b.end()) }

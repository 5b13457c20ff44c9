package broker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// Broker is a running broker. It is for one goroutine.
type Broker struct {
	NameServer string
	// PID is the number of its process.
	PID int
	// Store is the folder of its files, empty for the null broker.
	Store string

	client *transport.Client
	end    func() error
}

// StartNull runs the null broker, a subcommand of the executable.
func StartNull(ctx context.Context, executable string) (*Broker, error) {
	return startCommand(ctx, executable, "null-broker")
}

// StartEmbedded runs the embedded broker, a subcommand of the executable.
func StartEmbedded(ctx context.Context, executable string) (*Broker, error) {
	return startCommand(ctx, executable, "embedded-broker")
}

// startCommand runs a subcommand that says its address and ends with its input.
func startCommand(ctx context.Context, executable, name string) (*Broker, error) {
	p, err := child.Start(ctx, name, exec.Command(executable, name))
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(p.Out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(p.Lost(err), p.Close())
	}
	return connect(&Broker{NameServer: strings.TrimSpace(line), PID: p.PID(), end: p.Close})
}

// StartReal runs a real broker of that version, whose files are in the folder store. It
// refuses requests that have waited for too long, as it does by default. props are further
// settings of it.
func StartReal(ctx context.Context, version, store string, props map[string]string, logf func(format string, args ...any)) (*Broker, error) {
	all := map[string]string{"storePathRootDir": store, "storePathCommitLog": store + "/commitlog"}
	for name, value := range props {
		all[name] = value
	}
	cluster, err := realbroker.Launch(ctx, realbroker.Config{Version: version, Impatient: true, BrokerProps: all}, logf)
	if err != nil {
		return nil, err
	}
	return connect(&Broker{
		NameServer: cluster.NameServers()[0], PID: cluster.Broker(0).PID(), Store: store, end: cluster.Close,
	})
}

func connect(b *Broker) (*Broker, error) {
	var err error
	if b.client, err = transport.New(transport.Config{Serialization: headers.Binary}); err != nil {
		return nil, errors.Join(fmt.Errorf("broker: %w", err), b.end())
	}
	return b, nil
}

// Close ends it.
func (b *Broker) Close() error { return errors.Join(b.client.Close(), b.end()) }

// Connect talks with a broker that runs in the process of that number. end is how it ends.
func Connect(nameServer string, pid int, end func() error) (*Broker, error) {
	return connect(&Broker{NameServer: nameServer, PID: pid, end: end})
}

// Command restart has a broker of a cluster killed and started again that another
// process has started with package realbroker. Its arguments are an address and the
// name of the broker, see realbroker.Broker.RestartCommand. It ends when clients can use
// the broker.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: restart ADDRESS BROKER")
	}
	return realbroker.RequestRestart(ctx, args[0], args[1])
}

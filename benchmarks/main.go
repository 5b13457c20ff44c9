// Command benchmarks compares the publisher with its peers and writes what it
// finds into a page. Without a subcommand it runs the comparison; its other
// subcommands are the processes that the comparison is made of.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/peers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/nullbroker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Standard output is for answers. Libraries write to what they take for it.
	out := os.Stdout
	os.Stdout = os.Stderr
	if err := run(ctx, os.Args[1:], os.Stdin, out); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run does what the arguments say.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return compare(ctx, args)
	}
	switch name, rest := args[0], args[1:]; {
	case name == "candidate" && len(rest) == 2:
		peer, err := peers.Open(peers.Kind(rest[0]), rest[1])
		if err != nil {
			return err
		}
		return peers.Serve(ctx, peer, in, out)
	case name == "null-broker" && len(rest) == 0:
		return serveNull(ctx, in, out)
	case name == "idle" && len(rest) == 1:
		cost, err := idle.Measure(ctx, rest[0], 200)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(cost)
	case name == "growth" && len(rest) == 0:
		points, err := growth.Measure(ctx, time.Second)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(points)
	}
	return compare(ctx, args)
}

// serveNull runs a null broker until its input ends.
func serveNull(ctx context.Context, in io.Reader, out io.Writer) error {
	b, err := nullbroker.Start()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, b.Addr()); err != nil {
		return errors.Join(err, b.Close())
	}
	ended := make(chan error, 1)
	go func() { // ends with the process
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	return errors.Join(err, b.Close())
}

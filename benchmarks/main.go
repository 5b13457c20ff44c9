// Command benchmarks compares the publisher and the subscriber with their peers and
// writes what it finds into a page. Without a subcommand it runs the comparison; its other
// subcommands are the processes that the comparison is made of.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumers"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/growth"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/peers"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/nullbroker"
)

func main() { child.Main(run) }

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
	case name == "consumer" && (len(rest) == 2 || len(rest) == 3):
		c, err := consumers.Open(consumers.Kind(rest[0]), rest[1])
		if err != nil {
			return err
		}
		serve := func() error { return consumers.Serve(ctx, c, in, out) }
		if len(rest) == 3 {
			return profiled(rest[2], serve)
		}
		return serve()
	case name == "null-broker" && len(rest) == 0:
		b, err := nullbroker.Start()
		if err != nil {
			return err
		}
		return errors.Join(serveBroker(ctx, b.Addr(), in, out), b.Close())
	case name == "embedded-broker" && len(rest) == 0:
		b, err := embedded.Start()
		if err != nil {
			return err
		}
		return errors.Join(serveBroker(ctx, b.NameServers()[0], in, out), b.Close())
	case name == "idle-subscription" && len(rest) == 3:
		further, err := positive("subscriptions", rest[2])
		if err != nil {
			return err
		}
		cost, err := consumers.MeasureIdle(ctx, consumers.Kind(rest[0]), rest[1], further)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(cost)
	case name == "idle" && len(rest) == 1:
		cost, err := idle.Measure(ctx, rest[0], 200)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(cost)
	case name == "growth" && len(rest) == 1:
		rounds, err := positive("rounds", rest[0])
		if err != nil {
			return err
		}
		points, err := growth.Measure(ctx, time.Second, rounds)
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(points)
	}
	return compare(ctx, args)
}

// profiled writes a CPU profile of what do does into a file.
func profiled(path string, do func() error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return errors.Join(err, file.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, file.Close())
}

// positive reads a number of something.
func positive(name, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%s is %q, want 1 or more", name, text)
	}
	return n, nil
}

// serveBroker says the broker's address and waits until the input ends.
func serveBroker(ctx context.Context, addr string, in io.Reader, out io.Writer) error {
	if _, err := fmt.Fprintln(out, addr); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { // ends with the process
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}

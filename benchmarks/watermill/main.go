package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// flags of a run.
type flags struct {
	pubSub, nameServer, version, out string
	messages                         int
	sizes                            []int
}

func parse(args []string, logTo io.Writer) (*flags, error) {
	f := new(flags)
	set := flag.NewFlagSet("watermill", flag.ContinueOnError)
	set.SetOutput(logTo)
	set.StringVar(&f.pubSub, "pubsub", "rocketmq", "rocketmq, rocketmq-pull or gochannel")
	set.StringVar(&f.nameServer, "nameserver", "", "host:port of a name server; empty starts a real broker")
	set.StringVar(&f.version, "rocketmq", "5.5.0", "version of the broker to start")
	set.IntVar(&f.messages, "count", 1_000_000, "messages of each size")
	set.StringVar(&f.out, "out", "", "the page to write, such as docs/benchmarks-watermill.md")
	sizes := set.String("size", "16,64,256", "bytes of payloads, separated by commas")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if f.messages < 1 {
		return nil, fmt.Errorf("-count is %d, want 1 or more", f.messages)
	}
	for text := range strings.SplitSeq(*sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < numberSize {
			return nil, fmt.Errorf("-size has %q, want %d or more", text, numberSize)
		}
		f.sizes = append(f.sizes, size)
	}
	return f, nil
}

// run measures, and prints or writes what it has found.
func run(ctx context.Context, args []string, out, logTo io.Writer) (err error) {
	f, err := parse(args, logTo)
	if err != nil {
		return err
	}
	logger := log.New(logTo, "", log.Ltime)
	p := page{flags: f, machine: contest.NewMachine(ctx, f.version)}
	if f.nameServer == "" && f.pubSub != "gochannel" {
		dir, err := os.MkdirTemp("", "benchmark")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		b, err := broker.StartReal(ctx, f.version, filepath.Join(dir, "store"), nil, logger.Printf)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.Close()) }()
		f.nameServer, p.started = b.NameServer, true
	}
	for _, size := range f.sizes {
		logger.Printf("%s, %d messages of %d bytes", f.pubSub, f.messages, size)
		r, err := measure(ctx, f.pubSub, f.nameServer, size, f.messages)
		if err != nil {
			return err
		}
		logger.Printf("published in %v, consumed in %v", r.publish, r.subscribe)
		p.results = append(p.results, r)
	}
	if _, err := io.WriteString(out, p.table()); err != nil || f.out == "" {
		return err
	}
	return os.WriteFile(f.out, []byte(p.String()), 0o644)
}

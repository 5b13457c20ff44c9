package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/peers"
)

func main() { child.Main(run) }

// run is a comparison, or one of the processes that it is made of.
func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 2 && args[0] == "publish" {
		peer, err := peers.Open(peers.Ours, args[1])
		if err != nil {
			return err
		}
		return peers.Serve(ctx, peer, in, out)
	}
	if len(args) >= 2 && args[0] == "embedded" {
		return serveEmbedded(kind(args[1]), args[2:], in, out)
	}
	f, err := parse(args)
	if err != nil {
		return err
	}
	p := page{flags: f, machine: contest.NewMachine(ctx, f.version), begin: time.Now()}
	p.found, err = compare(ctx, f)
	if err != nil {
		return err
	}
	p.took = time.Since(p.begin)
	if _, err := io.WriteString(out, p.table()); err != nil || f.out == "" {
		return err
	}
	return os.WriteFile(f.out, []byte(p.String()), 0o644)
}

// flags of a comparison. The defaults are those of the page in docs.
type flags struct {
	log          *log.Logger
	executable   string
	version, out string
	rounds       int
	length, warm time.Duration
	folderBytes  int64
	callers      int
	profiles     string
}

func parse(args []string) (*flags, error) {
	f := &flags{log: log.New(os.Stderr, "", log.Ltime)}
	set := flag.NewFlagSet("brokers", flag.ContinueOnError)
	set.StringVar(&f.version, "rocketmq", "5.5.0", "version of the real broker; empty leaves it out, and what is compared with it")
	set.IntVar(&f.rounds, "rounds", 3, "rounds, in each of which every broker has its turn")
	set.IntVar(&f.callers, "callers", 64, "goroutines that publish")
	set.DurationVar(&f.length, "length", 3*time.Second, "length of each measurement")
	set.DurationVar(&f.warm, "warm", 20*time.Second, "how long a real broker is warmed up")
	folder := set.Int64("folder-mib", 1<<10, "size of the folder that is opened")
	set.StringVar(&f.profiles, "profiles", "", "folder for CPU profiles of the embedded brokers, which take some of their time")
	set.StringVar(&f.out, "out", "", "the page to write, such as docs/benchmarks-broker.md")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	if f.rounds < 1 || f.callers < 1 || f.length <= 0 || *folder < 1 {
		return nil, errors.New("-rounds, -callers, -length and -folder-mib want more than nothing")
	}
	f.folderBytes = *folder << 20
	var err error
	f.executable, err = os.Executable()
	return f, err
}

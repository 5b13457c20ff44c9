package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumption"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/report"
)

// flags of a comparison.
type flags struct {
	log       *log.Logger
	publish   bool
	consume   bool
	settings  contest.Settings
	consuming consumption.Settings
	page      string
	data      string
	from      string
	list      bool
}

// parse reads the flags. Every default is that of the page in docs.
func parse(args []string) (*flags, error) {
	f := &flags{log: log.New(os.Stderr, "", log.Ltime)}
	s, k := &f.settings, &f.consuming
	s.Log, k.Log = f.log, f.log
	set := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	only := set.String("only", "", "publish or consume: the half to run; both if empty")
	cases := set.String("cases", "", "regular expression of the cases to run, see -list; the usual ones if empty")
	candidates := set.String("candidates", strings.Join(allCandidates(), ","), "candidates that publish")
	consumers := set.String("consumers", strings.Join(allConsumers(), ","), "candidates that consume")
	targets := set.String("target", "null,real", "brokers to run on: null, real; without real, consuming is on the embedded one")
	seconds := set.Float64("seconds", 2, "length of each measurement of publishing")
	set.IntVar(&s.Rounds, "rounds", 3, "rounds, in each of which every candidate has its turn")
	set.Int64Var(&k.Messages, "messages", 400_000, "messages that are stored of each body and consumed in each measurement")
	set.DurationVar(&k.LatencyLength, "latency", 20*time.Second, "length of each measurement of a consumer's latency")
	set.Float64Var(&k.LatencyRate, "latency-rate", 100, "messages per second in it")
	set.IntVar(&k.Idle, "idle", 16, "idle subscriptions, beside the first")
	set.StringVar(&k.Profiles, "profiles", "", "folder for CPU profiles of the candidates in Go that consume, which take some of their time")
	set.StringVar(&s.Version, "rocketmq", "5.5.0", "version of the real broker and the Java client")
	set.Int64Var(&s.WarmMessages, "warm", 15_000_000, "messages stored on the real broker before the first measurement")
	set.DurationVar(&s.WarmLimit, "warm-limit", 4*time.Minute, "the longest that may take")
	storeMiB := set.Int64("store-mib", 8<<10, "the most that the real broker's store may take of the disk")
	reserveMiB := set.Int64("disk-reserve-mib", 8<<10, "what has to stay free of the disk; the run stops below")
	set.BoolVar(&s.Growth, "growth", true, "measure how cost grows with goroutines, topics, queues and brokers")
	set.StringVar(&s.OtherBuild, "ours", "", "another build of this program, whose publisher takes part as the other build")
	set.StringVar(&f.page, "out", "", "the page to write, such as docs/benchmarks.md, with its charts beside it")
	set.StringVar(&f.data, "data", "", "file for the raw data, as JSON")
	set.StringVar(&f.from, "from", "", "write the page from such a file instead of a run")
	set.BoolVar(&f.list, "list", false, "list cases and candidates, and how long the chosen ones take")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	f.publish, f.consume = *only != "consume", *only != "publish"
	if *only != "" && f.publish && f.consume {
		return nil, fmt.Errorf("-only is %q, want publish or consume", *only)
	}
	if *cases != "" {
		var err error
		if s.Cases, err = regexp.Compile(*cases); err != nil {
			return nil, fmt.Errorf("-cases: %w", err)
		}
	}
	s.Candidates = strings.Split(*candidates, ",")
	for t := range strings.SplitSeq(*targets, ",") {
		s.Targets = append(s.Targets, contest.Target(t))
	}
	s.Length = time.Duration(*seconds * float64(time.Second))
	s.StoreLimit, s.DiskReserve = *storeMiB<<20, *reserveMiB<<20
	k.Candidates = strings.Split(*consumers, ",")
	k.Real = slices.Contains(s.Targets, contest.Real)
	k.Rounds, k.Version = s.Rounds, s.Version
	var err error
	if s.Executable, err = os.Executable(); err != nil {
		return nil, err
	}
	k.Executable = s.Executable
	var faults []error
	if f.publish {
		faults = append(faults, s.Validate())
	}
	if f.consume {
		faults = append(faults, k.Validate())
	}
	return f, errors.Join(faults...)
}

func allConsumers() []string {
	var ids []string
	for _, c := range consumption.Candidates {
		ids = append(ids, c.ID)
	}
	return ids
}

func allCandidates() []string {
	var ids []string
	for _, c := range contest.Candidates {
		if !c.Other { // they come with -ours
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// compare runs the comparison and writes the page.
func compare(ctx context.Context, args []string) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	if f.list {
		f.listAll()
		return nil
	}
	if f.from != "" {
		found, err := readData(f.from)
		if err != nil {
			return err
		}
		return report.Write(f.page, found)
	}
	found, err := f.before()
	if err != nil {
		return err
	}
	f.log.Printf("this takes about %s", f.estimate().Round(time.Minute))
	if f.publish {
		found.Report, err = contest.Run(ctx, f.settings)
		f.tell(report.Builds(found.Report))
		f.tell(report.Summary(found.Report))
	}
	if f.consume && err == nil {
		found.Consuming, err = consumption.Run(ctx, f.consuming)
		f.tell(report.SummaryOfConsuming(found.Consuming))
	}
	if f.data != "" {
		err = errors.Join(err, writeData(f.data, found))
	}
	// Half of a run is no page: it would look like all there is.
	if err != nil || f.page == "" {
		return err
	}
	return report.Write(f.page, found)
}

// before is what the file of data has of the half that is not run.
func (f *flags) before() (*report.Run, error) {
	if f.data == "" || f.publish && f.consume {
		return new(report.Run), nil
	}
	found, err := readData(f.data)
	if errors.Is(err, os.ErrNotExist) {
		return new(report.Run), nil
	}
	return found, err
}

func (f *flags) estimate() time.Duration {
	var total time.Duration
	if f.publish {
		total += f.settings.Estimate()
	}
	if f.consume {
		total += f.consuming.Estimate()
	}
	return total
}

func (f *flags) tell(lines []string) {
	for _, line := range lines {
		f.log.Print(line)
	}
}

func (f *flags) listAll() {
	if f.publish {
		list(&f.settings)
	}
	if f.consume {
		var ids []string
		for _, c := range f.consuming.Chosen() {
			ids = append(ids, c.ID)
		}
		f.log.Printf("consuming: %s", strings.Join(ids, ", "))
		f.log.Printf("what is chosen to consume takes about %s", f.consuming.Estimate().Round(time.Second))
	}
}

func list(s *contest.Settings) {
	for _, c := range contest.Cases() {
		extra := ""
		if c.Extra {
			extra = " (only if asked for)"
		}
		s.Log.Printf("%s%s: %s", c.ID(), extra, strings.Join(c.Candidates, ", "))
	}
	s.Log.Printf("what is chosen to publish takes about %s", s.Estimate().Round(time.Second))
}

// readData reads what writeData wrote, and judges it anew.
func readData(path string) (*report.Run, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found := new(report.Run)
	if err := json.Unmarshal(data, found); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if found.Report != nil {
		found.Verdicts = contest.Judge(found.Report)
	}
	if found.Consuming != nil {
		found.Consuming.Verdicts = consumption.Judge(found.Consuming)
	}
	return found, nil
}

func writeData(path string, found *report.Run) error {
	data, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

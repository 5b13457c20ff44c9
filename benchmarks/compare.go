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
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/report"
)

// flags of a comparison.
type flags struct {
	settings contest.Settings
	page     string
	data     string
	from     string
	list     bool
}

// parse reads the flags. Every default is that of the page in docs.
func parse(args []string) (*flags, error) {
	f := &flags{settings: contest.Settings{Log: log.New(os.Stderr, "", log.Ltime)}}
	s := &f.settings
	set := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	cases := set.String("cases", "", "regular expression of the cases to run, see -list; the usual ones if empty")
	candidates := set.String("candidates", strings.Join(allCandidates(), ","), "candidates to run")
	targets := set.String("target", "null,real", "brokers to run on: null, real")
	seconds := set.Float64("seconds", 2, "length of each measurement")
	set.IntVar(&s.Rounds, "rounds", 3, "rounds, in each of which every candidate has its turn")
	set.StringVar(&s.Version, "rocketmq", "5.5.0", "version of the real broker and the Java client")
	set.Int64Var(&s.WarmMessages, "warm", 15_000_000, "messages stored on the real broker before the first measurement")
	set.DurationVar(&s.WarmLimit, "warm-limit", 4*time.Minute, "the longest that may take")
	storeMiB := set.Int64("store-mib", 8<<10, "the most that the real broker's store may take of the disk")
	reserveMiB := set.Int64("disk-reserve-mib", 8<<10, "what has to stay free of the disk; the run stops below")
	set.BoolVar(&s.Growth, "growth", true, "measure how cost grows with goroutines, topics, queues and brokers")
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
	var err error
	if s.Executable, err = os.Executable(); err != nil {
		return nil, err
	}
	return f, s.Validate()
}

func allCandidates() []string {
	var ids []string
	for _, c := range contest.Candidates {
		ids = append(ids, c.ID)
	}
	return ids
}

// compare runs the comparison and writes the page.
func compare(ctx context.Context, args []string) error {
	f, err := parse(args)
	if err != nil {
		return err
	}
	logger := f.settings.Log
	if f.list {
		list(&f.settings)
		return nil
	}
	if f.from != "" {
		found, err := readData(f.from)
		if err != nil {
			return err
		}
		return report.Write(f.page, found)
	}
	logger.Printf("this takes about %s", f.settings.Estimate().Round(time.Minute))
	found, err := contest.Run(ctx, f.settings)
	if f.data != "" {
		err = errors.Join(err, writeData(f.data, found))
	}
	for _, line := range report.Summary(found) {
		logger.Print(line)
	}
	// Half of a run is no page: it would look like all there is.
	if err != nil || f.page == "" {
		return err
	}
	return report.Write(f.page, found)
}

func list(s *contest.Settings) {
	for _, c := range contest.Cases() {
		extra := ""
		if c.Extra {
			extra = " (only if asked for)"
		}
		s.Log.Printf("%s%s: %s", c.ID(), extra, strings.Join(c.Candidates, ", "))
	}
	s.Log.Printf("what is chosen takes about %s", s.Estimate().Round(time.Second))
}

// readData reads what writeData wrote, and judges it anew.
func readData(path string) (*contest.Report, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found := new(contest.Report)
	if err := json.Unmarshal(data, found); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	found.Verdicts = contest.Judge(found)
	return found, nil
}

func writeData(path string, found *contest.Report) error {
	data, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

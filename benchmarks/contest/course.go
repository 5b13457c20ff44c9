package contest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/java"
)

// course is a run under way.
type course struct {
	settings Settings
	dir      string
	java     *java.Class
	report   *Report
}

// Run runs the chosen cases. On an error, and when ctx ends, the report has what
// was measured until then.
func Run(ctx context.Context, settings Settings) (*Report, error) {
	report := &Report{
		Date: time.Now(), Rounds: settings.Rounds, Length: settings.Length, StoreLimit: settings.StoreLimit,
	}
	if err := settings.Validate(); err != nil {
		return report, fmt.Errorf("contest: %w", err)
	}
	dir, err := os.MkdirTemp("", "watermill-rocketmq-bench-*")
	if err != nil {
		return report, fmt.Errorf("contest: %w", err)
	}
	c := &course{settings: settings, dir: dir, report: report}
	err = errors.Join(c.run(ctx), os.RemoveAll(dir))
	report.Took = time.Since(report.Date)
	report.Verdicts = Judge(report)
	return report, err
}

func (c *course) run(ctx context.Context) error {
	cases := c.settings.chosen()
	c.report.Machine = NewMachine(ctx, c.settings.Version)
	if err := writeBodies(c.dir); err != nil {
		return err
	}
	if slices.ContainsFunc(cases, needsJava) {
		var err error
		if c.java, err = java.Compile(ctx, java.Peer, c.dir, c.settings.Version); err != nil {
			return err
		}
	}
	for _, target := range []Target{Null, Real} {
		of := slices.DeleteFunc(slices.Clone(cases), func(k Case) bool { return k.Target != target })
		if len(of) == 0 {
			continue
		}
		if err := c.runTarget(ctx, target, of); err != nil {
			return err
		}
	}
	if c.settings.Growth {
		return c.measureGrowth(ctx)
	}
	return nil
}

func needsJava(k Case) bool {
	return slices.ContainsFunc(k.Candidates, func(id string) bool {
		candidate, _ := CandidateByID(id)
		return candidate.Java != ""
	})
}

// runTarget runs the cases of one target on one broker.
func (c *course) runTarget(ctx context.Context, target Target, cases []Case) (err error) {
	start := c.startNull
	if target == Real {
		start = c.startReal
	}
	b, err := start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if target == Null {
		if err := c.measureIdle(ctx, b.NameServer); err != nil {
			return err
		}
	} else if err := c.warm(ctx, b); err != nil {
		return err
	}
	for i := range cases {
		if err := c.runCase(ctx, b, &cases[i]); err != nil {
			return fmt.Errorf("case %s: %w", cases[i].ID(), err)
		}
	}
	return nil
}

// runCase runs all loads of a case with one process for each candidate.
func (c *course) runCase(ctx context.Context, b *stand, k *Case) (err error) {
	var entrants []*entrant
	defer func() {
		for _, e := range entrants {
			err = errors.Join(err, e.process.Close())
		}
	}()
	for _, id := range k.Candidates {
		candidate, _ := CandidateByID(id)
		e, err := c.enter(ctx, candidate, b.NameServer)
		if err != nil {
			return err
		}
		entrants = append(entrants, e)
	}
	if err := c.tryAll(ctx, b, k, entrants); err != nil {
		return err
	}
	if err := c.runLoad(ctx, b, k, Closed, entrants, nil); err != nil || !k.Open {
		return err
	}
	clients := slices.DeleteFunc(slices.Clone(entrants), func(e *entrant) bool { return e.candidate.Limit })
	own := map[string]float64{}
	slowest := map[string]float64{}
	for _, e := range clients {
		own[e.candidate.ID] = openShare * c.report.Results.Find(k.ID(), Closed, e.candidate.ID).Stat(Rate).Median
	}
	for _, e := range clients {
		slowest[e.candidate.ID] = least(own)
	}
	if err := c.runLoad(ctx, b, k, OpenSlowest, clients, slowest); err != nil {
		return err
	}
	return c.runLoad(ctx, b, k, OpenOwn, clients, own)
}

func least(rates map[string]float64) float64 {
	var all []float64
	for _, r := range rates {
		all = append(all, r)
	}
	return NewStat(all).Min
}

// tryAll gives each candidate a trial run that does not count: whoever had the first
// turn would have it while the processes of the others start.
func (c *course) tryAll(ctx context.Context, b *stand, k *Case, entrants []*entrant) error {
	for _, e := range entrants {
		_, err := c.measure(ctx, b, k, e, e.candidate.trial(), 0)
		switch {
		case ctx.Err() != nil || errors.Is(err, errLost):
			return fmt.Errorf("%s: %w", e.candidate.Name, err)
		case err != nil:
			c.settings.Log.Printf("%s: the trial run of %s failed: %v", k.ID(), e.candidate.Name, err)
		}
	}
	return nil
}

// runLoad runs the rounds: in each all candidates have their turn, and in each
// another one begins.
func (c *course) runLoad(ctx context.Context, b *stand, k *Case, l Load, entrants []*entrant, rates map[string]float64) error {
	first := len(c.report.Results)
	for _, e := range entrants {
		c.report.Results = append(c.report.Results, Result{
			Case: k.ID(), Load: l, Candidate: e.candidate.ID, Planned: rates[e.candidate.ID],
		})
	}
	for round := range c.settings.Rounds {
		for turn := range entrants {
			at := (turn + round) % len(entrants)
			result := &c.report.Results[first+at]
			r, err := c.measure(ctx, b, k, entrants[at], c.settings.Length, result.Planned)
			if err != nil && ctx.Err() == nil && !errors.Is(err, errLost) {
				// Not half an hour for one hiccup; the page tells of it.
				c.settings.Log.Printf("%s %s: %s is measured once more: %v", k.ID(), l, entrants[at].candidate.Name, err)
				result.Repeated = append(result.Repeated, err.Error())
				r, err = c.measure(ctx, b, k, entrants[at], c.settings.Length, result.Planned)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", entrants[at].candidate.Name, err)
			}
			result.Rounds = append(result.Rounds, r)
			c.settings.Log.Printf("%s %s round %d: %-38s %9.0f msg/s, p50 %s, p99 %s", k.ID(), l, round+1,
				entrants[at].candidate.Name, r.Rate, r.P50.Round(time.Microsecond), r.P99.Round(time.Microsecond))
		}
	}
	return nil
}

// errLost means that a broker has fewer messages than it acknowledged, or that the
// count is wrong: nothing that was measured can be believed.
var errLost = errors.New("contest: acknowledged messages are not stored")

// measure takes one measurement and checks that what was acknowledged is stored.
func (c *course) measure(ctx context.Context, b *stand, k *Case, e *entrant, length time.Duration, rate float64) (Round, error) {
	if err := context.Cause(ctx); err != nil {
		return Round{}, err
	}
	if err := b.AwaitFlushed(ctx); err != nil {
		return Round{}, err
	}
	before, err := b.AwaitSettled(ctx)
	if err != nil {
		return Round{}, err
	}
	s, peak, err := e.run(e.task(k, c.dir, length, rate))
	if err != nil {
		return Round{}, err
	}
	after, err := b.AwaitStored(ctx, before+s.Acknowledged)
	if err != nil {
		return Round{}, err
	}
	if after-before < s.Acknowledged {
		return Round{}, fmt.Errorf("%w: %d acknowledged, %d stored", errLost, s.Acknowledged, after-before)
	}
	if err := c.keepSmall(ctx, b); err != nil {
		return Round{}, err
	}
	return Round{
		Rate: s.Rate(), CPUPerMessage: s.CPUPerMessage(), Mallocs: s.MallocsPerMessage(), PeakMemory: peak,
		P50: s.Latency.Quantile(0.5), P99: s.Latency.Quantile(0.99), P999: s.Latency.Quantile(0.999),
		Acknowledged: s.Acknowledged, Stored: after - before, Failed: s.Failed, Err: s.Err,
	}, nil
}

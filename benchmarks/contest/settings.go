package contest

import (
	"errors"
	"fmt"
	"log"
	"os/exec"
	"regexp"
	"slices"
	"time"
)

// Settings say what is run, and for how long.
type Settings struct {
	// Cases chooses by Case.ID, nil those that are not Extra.
	Cases *regexp.Regexp
	// Targets and Candidates are what is left of the cases.
	Targets    []Target
	Candidates []string
	Rounds     int
	// Length of each measurement.
	Length time.Duration
	// Version of RocketMQ.
	Version string
	// WarmMessages are stored before the first measurement on the real broker,
	// for at most WarmLimit.
	WarmMessages int64
	WarmLimit    time.Duration
	// StoreLimit is the most bytes that the broker's store may have, DiskReserve
	// what has to stay free beside it.
	StoreLimit  int64
	DiskReserve int64
	// Growth says that it is measured how cost grows, after the cases.
	Growth bool
	// Executable is the program that runs candidates and null broker as
	// subcommands.
	Executable string
	// OtherBuild is another build of the program. Its publisher runs beside this
	// one's, as a candidate of its own. Empty for none.
	OtherBuild string
	Log        *log.Logger
}

// Validate reports everything that is wrong.
func (s *Settings) Validate() error {
	var faults []error
	if s.Rounds < 1 {
		faults = append(faults, fmt.Errorf("rounds is %d, want 1 or more", s.Rounds))
	}
	if s.Length <= 0 {
		faults = append(faults, fmt.Errorf("seconds is %v, want more than 0", s.Length.Seconds()))
	}
	for _, t := range s.Targets {
		if t != Null && t != Real {
			faults = append(faults, fmt.Errorf("target is %q, want null or real", t))
		}
	}
	for _, id := range s.Candidates {
		if _, ok := CandidateByID(id); !ok {
			faults = append(faults, fmt.Errorf("no candidate is called %q", id))
		}
	}
	if s.OtherBuild != "" {
		if _, err := exec.LookPath(s.OtherBuild); err != nil {
			faults = append(faults, fmt.Errorf("other build: %w", err))
		}
	}
	if len(s.chosen()) == 0 {
		faults = append(faults, errors.New("no case is left"))
	}
	return errors.Join(faults...)
}

// chosen are the cases that are run, with the candidates that are.
func (s *Settings) chosen() []Case {
	var cases []Case
	for _, c := range Cases() {
		if s.Cases == nil && c.Extra || s.Cases != nil && !s.Cases.MatchString(c.ID()) || !slices.Contains(s.Targets, c.Target) {
			continue
		}
		c.Candidates = slices.DeleteFunc(c.Candidates, func(id string) bool { return !slices.Contains(s.Candidates, id) })
		c.Candidates = s.withOtherBuild(c.Candidates)
		if len(c.Candidates) > 0 {
			cases = append(cases, c)
		}
	}
	return cases
}

// withOtherBuild adds the other build's candidates, each behind its own.
func (s *Settings) withOtherBuild(ids []string) []string {
	if s.OtherBuild == "" {
		return ids
	}
	var all []string
	for _, id := range ids {
		all = append(all, id)
		if other := others[id]; other != "" {
			all = append(all, other)
		}
	}
	return all
}

// warmUp of a candidate comes before each measurement. Before the first of a case
// each has a trial run, the longest a JVM, which has to compile first.
const (
	warmUp    = 200 * time.Millisecond
	trialGo   = 500 * time.Millisecond
	trialJava = 3 * time.Second
)

// Estimate is about how long the cases take.
func (s *Settings) Estimate() time.Duration {
	// Starting a process, waiting for a real broker's files, checking what was stored.
	const start, flush, each = 700 * time.Millisecond, 400 * time.Millisecond, 250 * time.Millisecond
	var total time.Duration
	real := false
	for _, c := range s.chosen() {
		real = real || c.Target == Real
		for _, id := range c.Candidates {
			candidate, _ := CandidateByID(id)
			loads := 1
			if c.Open && !candidate.Limit {
				loads = 3
			}
			around := warmUp + each
			if c.Target == Real {
				around += flush
			}
			total += start + candidate.trial() + around + time.Duration(s.Rounds*loads)*(s.Length+around)
		}
	}
	if real {
		total += s.WarmLimit
	}
	if s.Growth {
		total += 40*time.Second + time.Duration(s.Rounds-1)*4*time.Second
	}
	return total
}

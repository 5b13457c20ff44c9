package consumption

import (
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
)

// Settings say what is run, and for how long.
type Settings struct {
	// Real says that the broker is a real one. The embedded one does for a look whether
	// all of it works; no Java client takes part then.
	Real bool
	// Candidates that take part, by their ids.
	Candidates []string
	// Messages are stored of each body and consumed in each measurement.
	Messages int64
	Rounds   int
	// LatencyLength is how long each measurement of latency lasts, LatencyRate how many
	// messages a second it has.
	LatencyLength time.Duration
	LatencyRate   float64
	// Idle is the number of idle subscriptions.
	Idle int
	// Version of RocketMQ.
	Version string
	// Executable is the program that runs candidates and the embedded broker as
	// subcommands.
	Executable string
	// Profiles is a folder for CPU profiles of the candidates written in Go, one for each
	// process. Empty for none.
	Profiles string
	Log      *log.Logger
}

// fewestMessages can be measured.
const fewestMessages = 1000

// Validate reports everything that is wrong.
func (s *Settings) Validate() error {
	var faults []error
	if s.Messages < fewestMessages {
		faults = append(faults, fmt.Errorf("messages is %d, want %d or more", s.Messages, fewestMessages))
	}
	if s.Rounds < 1 {
		faults = append(faults, fmt.Errorf("rounds is %d, want 1 or more", s.Rounds))
	}
	if s.LatencyLength <= 0 || s.LatencyRate <= 0 || s.latencyMessages() < 10 {
		faults = append(faults, fmt.Errorf("latency: %s at %g messages/s, want 10 messages or more", s.LatencyLength, s.LatencyRate))
	}
	if s.Idle < 1 {
		faults = append(faults, fmt.Errorf("idle is %d, want 1 or more", s.Idle))
	}
	if s.Profiles != "" {
		if _, err := os.Stat(s.Profiles); err != nil {
			faults = append(faults, fmt.Errorf("profiles: %w", err))
		}
	}
	for _, id := range s.Candidates {
		if _, ok := CandidateByID(id); !ok {
			faults = append(faults, fmt.Errorf("no consumer is called %q", id))
		}
	}
	if len(s.Chosen()) == 0 {
		faults = append(faults, errors.New("no consumer is left"))
	}
	return errors.Join(faults...)
}

// Chosen are the candidates that take part.
func (s *Settings) Chosen() []Candidate {
	return slices.DeleteFunc(slices.Clone(Candidates), func(c Candidate) bool {
		return !slices.Contains(s.Candidates, c.ID) || c.Java != "" && !s.Real
	})
}

// few is how many messages a slow candidate consumes, and each one for a trial.
func (s *Settings) few() int64 { return max(s.Messages/20, fewestMessages) }

func (s *Settings) latencyMessages() int64 { return int64(s.LatencyLength.Seconds() * s.LatencyRate) }

// Estimate is about how long it takes.
func (s *Settings) Estimate() time.Duration {
	// Starting a process and a trial run; joining, leaving and watching the broker; and
	// consuming 400,000 messages.
	const start, around, each = 3 * time.Second, 1500 * time.Millisecond, 5 * time.Second
	perRun := around + time.Duration(float64(each)*float64(s.Messages)/400_000)
	var consuming, waiting time.Duration
	for _, c := range s.Chosen() {
		consuming += time.Duration(len(bodies)) * (start + time.Duration(s.Rounds)*perRun)
		if c.Waits {
			waiting += start + time.Duration(s.Rounds)*(around+s.LatencyLength)
		}
	}
	if s.Real { // which has to be started, and to store messages
		consuming += warmTime + 30*time.Second
		waiting = max(waiting, leaseTime)
	}
	return consuming + waiting
}

// bodies of the messages.
var bodies = []contest.Body{contest.Body128, contest.Body1K}

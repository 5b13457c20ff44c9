package consumption

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/meter"
)

// entrant is a candidate's process.
type entrant struct {
	Candidate
	process *child.Dialogue
	out     bool // it has failed twice in turn
}

// enter starts the process for what is to be measured.
func (c *course) enter(ctx context.Context, candidate Candidate, what string) (*entrant, error) {
	var cmd *exec.Cmd
	if candidate.Java != "" {
		cmd = c.java.Command(candidate.Java, c.broker.NameServer)
	} else {
		cmd = exec.Command(c.settings.Executable, "consumer", string(candidate.Go), c.broker.NameServer)
		if c.settings.Profiles != "" {
			cmd.Args = append(cmd.Args, filepath.Join(c.settings.Profiles, candidate.ID+"-"+what+".pprof"))
		}
	}
	p, err := child.Start(ctx, candidate.Name, cmd)
	if err != nil {
		return nil, err
	}
	return &entrant{Candidate: candidate, process: child.NewDialogue(p)}, nil
}

// enterAll starts the processes of candidates.
func (c *course) enterAll(ctx context.Context, candidates []Candidate, what string) (entrants []*entrant, err error) {
	for _, candidate := range candidates {
		e, err := c.enter(ctx, candidate, what)
		if err != nil {
			return nil, errors.Join(err, leave(entrants))
		}
		entrants = append(entrants, e)
	}
	return entrants, nil
}

// leave ends the processes. What those say that were left out is known already.
func leave(entrants []*entrant) error {
	var errs []error
	for _, e := range entrants {
		if err := e.process.Close(); !e.out {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// grace is how much longer than its task a candidate may take.
const grace = 30 * time.Second

// hear reads a reply: with ready the first of two.
func (e *entrant) hear(task *meter.Task, ready bool) (*meter.Sample, error) {
	var r meter.Reply
	if err := e.process.Hear(&r, task.Limit+grace); err != nil {
		return nil, err
	}
	switch {
	case r.Err != "":
		return nil, errors.New(r.Err)
	case r.Ready != ready || r.Sample == nil != ready:
		return nil, fmt.Errorf("consumption: %s: an unexpected reply", e.Name)
	}
	return r.Sample, nil
}

// run has the candidate do a task.
func (e *entrant) run(task *meter.Task) (*meter.Sample, error) {
	if err := e.process.Tell(task); err != nil {
		return nil, err
	}
	return e.hear(task, false)
}

// tryTwice does one measurement, and once more if it fails. It returns false if that
// fails as well: the candidate is out then. The failures are added to the list.
func (c *course) tryTwice(ctx context.Context, e *entrant, failures *[]string, measure func() error) (bool, error) {
	for range 2 {
		err := measure()
		if err == nil {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		c.settings.Log.Printf("consuming: %s: %v", e.Name, err)
		*failures = append(*failures, err.Error())
	}
	e.out = true
	return false, nil
}

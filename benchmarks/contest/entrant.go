package contest

import (
	"context"
	"errors"
	"os/exec"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/peers"
)

// entrant is a candidate's process.
type entrant struct {
	candidate Candidate
	process   *child.Dialogue
}

func (c *course) enter(ctx context.Context, candidate Candidate, nameServer string) (*entrant, error) {
	var cmd *exec.Cmd
	if candidate.Java != "" {
		cmd = c.java.Command(candidate.Java, nameServer)
	} else {
		executable := c.settings.Executable
		if candidate.Other {
			executable = c.settings.OtherBuild
		}
		cmd = exec.Command(executable, "candidate", string(candidate.Go), nameServer)
	}
	p, err := child.Start(ctx, candidate.Name, cmd)
	if err != nil {
		return nil, err
	}
	return &entrant{candidate: candidate, process: child.NewDialogue(p)}, nil
}

// task is what the case is for this candidate.
func (e *entrant) task(c *Case, dir string, length time.Duration, rate float64) load.Task {
	t := load.Task{
		Topic: topicName, Body: c.Body.file(dir), Callers: c.Callers, PerCall: c.PerCall,
		Depth: e.candidate.Depth, Rate: rate, WarmUp: warmUp, Length: length,
	}
	if e.candidate.Senders > 0 {
		t.Callers = e.candidate.Senders
	}
	return t
}

// grace is how much longer than its task a candidate may take.
const grace = 90 * time.Second

// run has the candidate do a task, and returns the most memory it had meanwhile.
func (e *entrant) run(t load.Task) (load.Sample, int64, error) {
	if err := e.process.ForgetPeak(); err != nil {
		return load.Sample{}, 0, err
	}
	if err := e.process.Tell(t); err != nil {
		return load.Sample{}, 0, err
	}
	var r peers.Reply
	if err := e.process.Hear(&r, t.WarmUp+t.Length+grace); err != nil {
		return load.Sample{}, 0, err
	}
	if r.Sample == nil {
		return load.Sample{}, 0, errors.New(r.Err)
	}
	peak, err := e.process.PeakMemory()
	return *r.Sample, peak, err
}

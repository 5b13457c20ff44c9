package contest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/peers"
)

// entrant is a candidate's process.
type entrant struct {
	candidate Candidate
	process   *child.Process
	answers   *json.Decoder
}

func (c *course) enter(ctx context.Context, candidate Candidate, nameServer string) (*entrant, error) {
	var cmd *exec.Cmd
	if candidate.Java != "" {
		cmd = c.java.Command(candidate.Java, nameServer)
	} else {
		cmd = exec.Command(c.settings.Executable, "candidate", string(candidate.Go), nameServer)
	}
	p, err := child.Start(ctx, candidate.Name, cmd)
	if err != nil {
		return nil, err
	}
	return &entrant{candidate: candidate, process: p, answers: json.NewDecoder(p.Out)}, nil
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
	line, err := json.Marshal(t)
	if err != nil {
		return load.Sample{}, 0, fmt.Errorf("contest: %w", err)
	}
	timer := time.AfterFunc(t.WarmUp+t.Length+grace, e.process.Kill)
	defer timer.Stop()
	if _, err := e.process.In.Write(append(line, '\n')); err != nil {
		return load.Sample{}, 0, e.process.Lost(err)
	}
	var r peers.Reply
	if err := e.answers.Decode(&r); err != nil {
		return load.Sample{}, 0, e.process.Lost(err)
	}
	if r.Sample == nil {
		return load.Sample{}, 0, errors.New(r.Err)
	}
	peak, err := e.process.PeakMemory()
	return *r.Sample, peak, err
}

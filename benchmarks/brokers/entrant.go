package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/peers"
)

const (
	topicName   = "bench"
	topicQueues = 8
)

// patience is how long a process may take to do what is no measurement.
const patience = 90 * time.Second

// entrant is a broker that takes part, and the process that publishes to it.
type entrant struct {
	name     string
	broker   *broker.Broker
	topic    *broker.Topic
	embedded *child.Dialogue // nil for a real one
	opened   time.Duration   // how long it took to open its folder
	client   *child.Dialogue
	stored   int64 // by the answers that came
	before   int64 // that its folder had
}

// enterReal starts a real broker.
func (f *flags) enterReal(ctx context.Context, name, dir, flush string) (*entrant, error) {
	b, err := broker.StartReal(ctx, f.version, dir, map[string]string{
		"flushDiskType": flush, "mappedFileSizeConsumeQueue": "6000000", "mappedFileSizeCommitLog": "1073741824",
	}, f.log.Printf)
	if err != nil {
		return nil, err
	}
	return f.enter(ctx, &entrant{name: name, broker: b})
}

// enterEmbedded starts an embedded broker in a process of its own.
func (f *flags) enterEmbedded(ctx context.Context, name string, k kind, dir string) (*entrant, error) {
	args := []string{"embedded", string(k), dir}
	if f.profiles != "" {
		args = append(args, filepath.Join(f.profiles, name+".pprof"))
	}
	p, err := child.Start(ctx, name, exec.Command(f.executable, args...))
	if err != nil {
		return nil, err
	}
	d := child.NewDialogue(p)
	var o opened
	if err := d.Hear(&o, patience); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	b, err := broker.Connect(o.NameServer, d.PID(), d.Close)
	if err != nil {
		return nil, err
	}
	return f.enter(ctx, &entrant{name: name, broker: b, embedded: d, opened: o.Took})
}

func (f *flags) enter(ctx context.Context, e *entrant) (_ *entrant, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if e.topic, err = e.broker.CreateTopic(ctx, topicName, topicQueues); err != nil {
		return nil, err
	}
	if e.before, err = e.topic.Stored(ctx); err != nil {
		return nil, err
	}
	p, err := child.Start(ctx, "publisher", exec.Command(f.executable, "publish", e.broker.NameServer))
	if err != nil {
		return nil, err
	}
	e.client = child.NewDialogue(p)
	return e, nil
}

func (e *entrant) close() error {
	var err error
	if e.client != nil {
		err = e.client.Close()
	}
	return errors.Join(err, e.broker.Close())
}

// turn is what one measurement found.
type turn struct {
	rate float64
	// brokerCPU and clientCPU are processor time for a message, the warm-up included in the
	// former.
	brokerCPU, clientCPU time.Duration
}

// publish has the client publish for a time.
func (e *entrant) publish(task load.Task) (turn, error) {
	before, err := child.CPU(e.broker.PID)
	if err != nil {
		return turn{}, err
	}
	if err := e.client.Tell(task); err != nil {
		return turn{}, err
	}
	var r peers.Reply
	if err := e.client.Hear(&r, task.WarmUp+task.Length+patience); err != nil {
		return turn{}, err
	}
	if r.Sample == nil {
		return turn{}, fmt.Errorf("%s: %s", e.name, r.Err)
	}
	if r.Sample.Failed > 0 {
		return turn{}, fmt.Errorf("%s: %d messages failed, the first with: %s", e.name, r.Sample.Failed, r.Sample.Err)
	}
	after, err := child.CPU(e.broker.PID)
	if err != nil {
		return turn{}, err
	}
	e.stored += r.Sample.Acknowledged
	return turn{r.Sample.Rate(), (after - before) / time.Duration(r.Sample.Acknowledged), r.Sample.CPUPerMessage()}, nil
}

// settle waits until the broker has written what it has, and checks that this is what was
// answered.
func (e *entrant) settle(ctx context.Context) error {
	if err := e.topic.AwaitFlushed(ctx); err != nil {
		return err
	}
	got, err := e.topic.AwaitStored(ctx, e.before+e.stored)
	if err == nil && got != e.before+e.stored {
		err = fmt.Errorf("%s: %d messages are stored, and %d were answered", e.name, got-e.before, e.stored)
	}
	return err
}

// heap asks an embedded broker.
func (e *entrant) heap() (int64, error) {
	if err := e.embedded.Tell(nil); err != nil {
		return 0, err
	}
	var h heap
	err := e.embedded.Hear(&h, patience)
	return int64(h.Bytes), err
}

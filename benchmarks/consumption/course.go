package consumption

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/contest"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/java"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// course is a run under way.
type course struct {
	settings  Settings
	dir       string
	java      *java.Class // nil if no candidate needs it
	broker    *broker.Broker
	brokerPID int // 0 where its processor time cannot be read
	publisher *publisher.Publisher
	report    *Report
	groups    int
	leases    leases
}

// Run makes all measurements. On an error, and when ctx ends, the report has what was
// measured until then.
func Run(ctx context.Context, settings Settings) (*Report, error) {
	report := &Report{
		Date: time.Now(), Real: settings.Real, Rounds: settings.Rounds, Messages: settings.Messages, Few: settings.few(),
		Rate: settings.LatencyRate, Length: settings.LatencyLength,
	}
	if err := settings.Validate(); err != nil {
		return report, fmt.Errorf("consumption: %w", err)
	}
	dir, err := os.MkdirTemp("", "watermill-rocketmq-bench-*")
	if err != nil {
		return report, fmt.Errorf("consumption: %w", err)
	}
	c := &course{settings: settings, dir: dir, report: report}
	err = errors.Join(c.runAll(ctx), os.RemoveAll(dir))
	report.Took = time.Since(report.Date)
	report.Verdicts = Judge(report)
	return report, err
}

func (c *course) runAll(ctx context.Context) (err error) {
	c.report.Machine = contest.NewMachine(ctx, c.settings.Version)
	if slices.ContainsFunc(c.settings.Chosen(), func(k Candidate) bool { return k.Java != "" }) {
		if c.java, err = java.Compile(ctx, java.Consumer, c.dir, c.settings.Version); err != nil {
			return err
		}
	}
	if err := c.startBroker(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.broker.Close()) }()
	cluster := rocketmq.Cluster{NameServers: []string{c.broker.NameServer}}
	// What is sent again is stored twice, and messages are counted.
	patient := publisher.Config{Cluster: cluster, SendTimeout: time.Minute, AttemptTimeout: time.Minute}
	if c.publisher, err = publisher.New(patient, nil); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.publisher.Close()) }()
	if err := c.consumeAll(ctx); err != nil {
		return err
	}
	// The leases of what was popped end meanwhile.
	if err := c.measureLatencies(ctx); err != nil {
		return err
	}
	if err := c.measureIdle(ctx); err != nil {
		return err
	}
	return c.proveByRetries(ctx)
}

// startBroker starts one that keeps all that it stores.
func (c *course) startBroker(ctx context.Context) (err error) {
	if c.settings.Real {
		c.broker, err = broker.StartReal(ctx, c.settings.Version, filepath.Join(c.dir, "store"), nil, c.settings.Log.Printf)
	} else {
		c.broker, err = broker.StartEmbedded(ctx, c.settings.Executable)
	}
	if err != nil {
		return err
	}
	if _, err := child.CPU(c.broker.PID); !errors.Is(err, errors.ErrUnsupported) {
		c.brokerPID = c.broker.PID
	}
	return nil
}

// newGroup is the name of a group that nobody had before.
func (c *course) newGroup(e *entrant) string {
	c.groups++
	return fmt.Sprintf("bench-%s-%d", e.ID, c.groups)
}

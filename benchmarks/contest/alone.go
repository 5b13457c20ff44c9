package contest

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/idle"
)

// measureIdle has a process of its own measure idle connections.
func (c *course) measureIdle(ctx context.Context, nameServer string) error {
	cost := new(idle.Cost)
	if err := runChild(ctx, exec.Command(c.settings.Executable, "idle", nameServer), cost); err != nil {
		return err
	}
	c.report.Idle = cost
	return nil
}

// measureGrowth has a process of its own measure how cost grows.
func (c *course) measureGrowth(ctx context.Context) error {
	c.settings.Log.Print("measuring how cost grows")
	return runChild(ctx, exec.Command(c.settings.Executable, "growth", strconv.Itoa(c.settings.Rounds)), &c.report.Growth)
}

// runChild runs a command that writes one JSON value and ends.
func runChild[T any](ctx context.Context, cmd *exec.Cmd, value *T) error {
	p, err := child.Start(ctx, cmd.Args[1], cmd)
	if err != nil {
		return err
	}
	if err := json.NewDecoder(p.Out).Decode(value); err != nil {
		return errors.Join(p.Lost(err), p.Close())
	}
	return p.Close()
}

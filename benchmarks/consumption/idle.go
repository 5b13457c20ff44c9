package consumption

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/consumers"
)

// measureIdle has a process of its own for each engine of this subscriber measure what
// idle subscriptions cost.
func (c *course) measureIdle(ctx context.Context) error {
	created := false
	for _, k := range c.settings.Chosen() {
		if !k.Idles {
			continue
		}
		if !created {
			for i := range c.settings.Idle + 1 {
				if _, err := c.broker.CreateTopic(ctx, consumers.IdleTopic(i), topicQueues); err != nil {
					return err
				}
			}
			created = true
		}
		cost, err := c.idleCost(ctx, k)
		if err != nil {
			return fmt.Errorf("idle subscriptions: %s: %w", k.Name, err)
		}
		c.report.Idle = append(c.report.Idle, cost)
	}
	return nil
}

func (c *course) idleCost(ctx context.Context, k Candidate) (cost IdleCost, err error) {
	cmd := exec.Command(c.settings.Executable, "idle-subscription", string(k.Go), c.broker.NameServer, strconv.Itoa(c.settings.Idle))
	p, err := child.Start(ctx, k.Name, cmd)
	if err != nil {
		return cost, err
	}
	var found consumers.IdleCost
	if err := json.NewDecoder(p.Out).Decode(&found); err != nil {
		return cost, errors.Join(p.Lost(err), p.Close())
	}
	return IdleCost{Candidate: k.ID, IdleCost: found}, p.Close()
}

package consumption

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/broker"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// commitPatience is how long a group's offsets may stay behind: some clients do not wait
// for the answer when they leave.
const commitPatience = time.Minute

// awaitCommitted returns how many messages are behind the group's offsets, once none is
// or it has been waited long enough.
func awaitCommitted(ctx context.Context, of *backlog, group string) (int64, error) {
	deadline := time.Now().Add(commitPatience)
	for {
		committed, err := of.Committed(ctx, group)
		behind := of.messages - committed
		if err != nil || behind <= 0 || time.Now().After(deadline) {
			return behind, err
		}
		if err := broker.Pause(ctx, 50*time.Millisecond); err != nil {
			return behind, err
		}
	}
}

// leases are the groups that have popped, whose messages come again when their leases
// have ended unless they were acknowledged.
type leases struct {
	groups []leased
	last   time.Time
}

type leased struct {
	topic *broker.Topic
	group string
}

func (l *leases) add(topic *broker.Topic, group string) {
	l.groups = append(l.groups, leased{topic, group})
	l.last = time.Now()
}

// leaseTime is the clients' default of 60 s, and what the broker needs to copy to a retry
// topic what was not acknowledged: it looks every one to ten seconds (PopReviveService,
// 5.5.0).
const leaseTime = (60 + 20) * time.Second

// proveByRetries waits until the leases have ended and counts what is in retry topics.
func (c *course) proveByRetries(ctx context.Context) error {
	if len(c.leases.groups) == 0 || !c.settings.Real { // the embedded broker is for a look
		return nil
	}
	if wait := leaseTime - time.Since(c.leases.last); wait > 0 {
		c.settings.Log.Printf("consuming: leases end in %s", wait.Round(time.Second))
		if err := broker.Pause(ctx, wait); err != nil {
			return err
		}
	}
	for _, l := range c.leases.groups {
		n, err := l.topic.StoredIn(ctx, headers.RetryV1.Topic(l.group, l.topic.Name))
		if err != nil {
			return err
		}
		if r := c.roundOf(l.group); r != nil {
			r.Unproved = n
		}
	}
	return nil
}

// roundOf is the measurement with that group, nil if it has failed.
func (c *course) roundOf(group string) *Round {
	for i := range c.report.Results {
		rounds := c.report.Results[i].Rounds
		for j := range rounds {
			if rounds[j].Group == group {
				return &rounds[j]
			}
		}
	}
	return nil
}

// javaPOP is the kind of Consumer.java whose group has to be told to pop.
const javaPOP = "pop"

// setRequestMode is SET_MESSAGE_REQUEST_MODE (RequestCode of 5.5.0), whose body is a
// SetMessageRequestModeRequestBody.
type setRequestMode struct{}

func (setRequestMode) RequestCode() headers.RequestCode { return 401 }

func (setRequestMode) AppendFields(dst []byte, _ headers.Serialization) []byte { return dst }

// havePop has the broker tell the group's members to pop. Only Java's ask it.
func havePop(ctx context.Context, topic *broker.Topic, group string) error {
	body, err := json.Marshal(map[string]string{"topic": topic.Name, "consumerGroup": group, "mode": "POP"})
	if err == nil {
		_, err = topic.Ask(ctx, setRequestMode{}, body)
	}
	if err != nil {
		return fmt.Errorf("consumption: request mode of %s: %w", group, err)
	}
	return nil
}

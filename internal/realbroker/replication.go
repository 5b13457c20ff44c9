package realbroker

import (
	"context"
	"encoding/json"
	"fmt"
)

// AwaitReplication waits until each slave that answers has what its master has stored
// at the call: its messages, which takes seconds, and its topics, which a slave
// fetches every ten seconds (4.9) or every minute from its start on (5.x,
// BrokerController.lastSyncTimeMs). It fetches the offsets of groups then as well, but
// those are not waited for.
func (c *Cluster) AwaitReplication(ctx context.Context) error {
	for i, slave := range c.slaves {
		if !slave.server.reachable() {
			continue
		}
		if err := c.brokers[i].awaitReplica(ctx, slave); err != nil {
			return exported(err)
		}
	}
	return nil
}

func (b *Broker) awaitReplica(ctx context.Context, slave *Broker) error {
	want, err := b.stored(ctx)
	if err != nil {
		return err
	}
	var last error
	err = poll(ctx, readyInterval, func() (bool, error) {
		var has storedState
		if has, last = slave.stored(ctx); last == nil {
			last = has.behind(want)
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("no replication to %s: %w: %w", slave.server.name, err, last)
	}
	return nil
}

// storedState is what a broker has: the end of its commit log in bytes, as Java
// prints it, and its topics.
type storedState struct {
	logEnd int64
	topics map[string]json.RawMessage
}

// behind says, by an error, what is missing.
func (s storedState) behind(master storedState) error {
	if s.logEnd < master.logEnd {
		return fmt.Errorf("its commit log ends at %d, before %d", s.logEnd, master.logEnd)
	}
	for topic := range master.topics {
		if _, ok := s.topics[topic]; !ok {
			return fmt.Errorf("it does not know the topic %s yet", topic)
		}
	}
	return nil
}

func (b *Broker) stored(ctx context.Context) (storedState, error) {
	var runtime struct {
		Table struct {
			CommitLogMaxOffset int64 `json:"commitLogMaxOffset,string"`
		} `json:"table"`
	}
	if err := b.fetch(ctx, getBrokerRuntimeInfo, &runtime); err != nil {
		return storedState{}, err
	}
	var topics struct {
		TopicConfigTable map[string]json.RawMessage `json:"topicConfigTable"`
	}
	if err := b.fetch(ctx, getAllTopicConfig, &topics); err != nil {
		return storedState{}, err
	}
	return storedState{runtime.Table.CommitLogMaxOffset, topics.TopicConfigTable}, nil
}

// fetch sends a request without fields and decodes the answer's body, which is JSON.
func (b *Broker) fetch(ctx context.Context, code int, into any) error {
	answer, body, err := b.ask(ctx, code, nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", b.server.name, err)
	}
	if answer != 0 {
		return fmt.Errorf("%s answers %d to request %d", b.server.name, answer, code)
	}
	return json.Unmarshal(body, into)
}

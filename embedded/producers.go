package embedded

import (
	"context"
	"fmt"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/producers"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// codeProducers is GET_PRODUCER_CONNECTION_LIST, which admin clients send.
const codeProducers headers.RequestCode = 204

// registerProducers takes in the producer groups of a heartbeat. It reports whether
// there was room for all of them.
func (b *Broker) registerProducers(rq *request, beat *groups.Heartbeat) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if rq.conn.Closed() {
		return true // it would never be forgotten
	}
	for _, data := range beat.ProducerDataSet {
		group := data.GroupName
		switch {
		case group == "":
		case !b.producers.Has(group) && b.producers.Len() >= keptMost:
			return false
		default:
			b.producers.Register(group, producers.Member[*conn]{
				ClientID: beat.ClientID, Conn: rq.conn, Language: rq.cmd.Language, Version: rq.cmd.Version,
			})
		}
	}
	if len(beat.ProducerDataSet) > 0 && b.beaten != nil {
		close(b.beaten)
		b.beaten = nil
	}
	return true
}

// Producers returns the client ids that heartbeats have registered in a producer
// group, sorted. A client is forgotten when its connection ends.
func (b *Broker) Producers(group string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ids []string
	for _, m := range b.producers.Members(group) {
		ids = append(ids, m.ClientID)
	}
	return slices.Compact(ids)
}

// AwaitProducer waits until a producer group has a member, as CheckTransactions
// needs one: a publisher's first heartbeat arrives some time after its first
// message. When ctx ends before, it returns the cause.
func (b *Broker) AwaitProducer(ctx context.Context, group string) error {
	for {
		b.mu.Lock()
		if b.producers.Has(group) {
			b.mu.Unlock()
			return nil
		}
		if b.beaten == nil {
			b.beaten = make(chan struct{})
		}
		beaten := b.beaten
		b.mu.Unlock()
		select {
		case <-beaten:
		case <-ctx.Done():
			return fmt.Errorf("embedded: no producer of group %s: %w", group, context.Cause(ctx))
		}
	}
}

// producerConnections answers GET_PRODUCER_CONNECTION_LIST.
func (b *Broker) producerConnections(rq *request) answer {
	group := rq.cmd.Fields.String("producerGroup")
	b.mu.Lock()
	members := b.producers.Members(group)
	b.mu.Unlock()
	if len(members) == 0 {
		return refuse(headers.SystemError, "the producer group["+group+"] not exist")
	}
	return jsonAnswer(producers.Connections(members, func(c *conn) string { return c.RemoteText }))
}

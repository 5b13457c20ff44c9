package embedded

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// codeProducers is GET_PRODUCER_CONNECTION_LIST, which admin clients send.
const codeProducers headers.RequestCode = 204

// producer is a member of a producer group, known by its heartbeats.
type producer struct {
	conn     *conn
	language headers.Language
	version  headers.Version
}

// registerProducers takes in the producer groups of a heartbeat. It reports whether
// there was room for all of them.
func (b *Broker) registerProducers(rq *request, beat *heartbeat) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, data := range beat.ProducerDataSet {
		if data.GroupName == "" {
			continue
		}
		if !hasRoom(b.producers, data.GroupName) {
			return false
		}
		members := b.producers[data.GroupName]
		if members == nil {
			members = make(map[string]producer)
			b.producers[data.GroupName] = members
		}
		if isMemberUnderAnother(members, rq.conn, beat.ClientID) {
			continue
		}
		members[beat.ClientID] = producer{rq.conn, rq.cmd.Language, rq.cmd.Version}
	}
	if len(beat.ProducerDataSet) > 0 && b.beaten != nil {
		close(b.beaten)
		b.beaten = nil
	}
	return true
}

// isMemberUnderAnother reports whether the connection is a member under another client
// id already: it stays the one it was, whatever it calls itself later
// (ProducerManager.registerProducer of 5.5.0).
func isMemberUnderAnother(members map[string]producer, c *conn, clientID string) bool {
	for id, p := range members {
		if p.conn == c && id != clientID {
			return true
		}
	}
	return false
}

// leaveProducers removes members from producer groups.
func (b *Broker) leaveProducers(gone func(group, member string, c *conn) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for group, members := range b.producers {
		maps.DeleteFunc(members, func(id string, p producer) bool { return gone(group, id, p.conn) })
		if len(members) == 0 {
			delete(b.producers, group)
		}
	}
}

// Producers returns the client ids that heartbeats have registered in a producer
// group, sorted. A client is forgotten when its connection ends.
func (b *Broker) Producers(group string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.producers[group]))
}

// AwaitProducer waits until a producer group has a member, as CheckTransactions
// needs one: a publisher's first heartbeat arrives some time after its first
// message. When ctx ends before, it returns the cause.
func (b *Broker) AwaitProducer(ctx context.Context, group string) error {
	for {
		b.mu.Lock()
		if len(b.producers[group]) > 0 {
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
	type connection struct {
		ClientAddr string `json:"clientAddr"`
		ClientID   string `json:"clientId"`
		Language   string `json:"language"`
		Version    int32  `json:"version"`
	}
	var list struct {
		Connections []connection `json:"connectionSet"`
	}
	group := rq.cmd.Fields.String("producerGroup")
	b.mu.Lock()
	members := maps.Clone(b.producers[group])
	b.mu.Unlock()
	if len(members) == 0 {
		return refuse(headers.SystemError, "the producer group["+group+"] not exist")
	}
	for _, id := range slices.Sorted(maps.Keys(members)) {
		p := members[id]
		list.Connections = append(list.Connections, connection{p.conn.remoteText, id, p.language.String(), int32(p.version)})
	}
	return jsonAnswer(list)
}

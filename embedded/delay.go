package embedded

import (
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// delayRules are those that messages are delayed by now.
func (b *Broker) delayRules() delays.Rules {
	cfg := &b.cluster.cfg
	return delays.Rules{
		Levels: len(cfg.delayLevels), Five: b.cluster.behaviour.Five, NoTimers: cfg.withoutTimers, MaxDelay: cfg.maxDelay,
		NowInMilli: b.cluster.timers.Now().UnixMilli(),
	}
}

// park turns m into a message that waits in a topic of its own, which it returns.
func (b *Broker) park(m *body.StoredMessage, set *properties.Set, d delays.Delay) *topic {
	set.Set(headers.PropertyRealTopic, m.Topic)
	set.Set(headers.PropertyRealQueue, strconv.Itoa(int(m.QueueID)))
	queues := len(b.cluster.cfg.delayLevels)
	if d.Level > 0 {
		set.Set(headers.PropertyDelayLevel, strconv.Itoa(d.Level))
		m.Topic, m.QueueID = headers.ScheduleTopic, int32(d.Level-1)
	} else {
		set.Set(delays.PropertyOut, strconv.FormatInt(d.Out, 10))
		m.Topic, m.QueueID = headers.TimerTopic, 0
		queues = 1
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.topics[m.Topic]; t != nil {
		return t
	}
	return b.putTopicLocked(m.Topic, queues, queues, headers.PermRead|headers.PermWrite)
}

// awaitDelay has a message that was parked, and is noted to wait, delivered when its time has come.
func (b *Broker) awaitDelay(d delays.Delay, raw []byte) {
	m, _, err := body.ParseStored(raw)
	if err != nil {
		return // AppendStored made it: there is no such case
	}
	b.atItsTime(d, &m, raw)
}

// atItsTime has a message that waits delivered then. Those of a level keep their order.
func (b *Broker) atItsTime(d delays.Delay, m *body.StoredMessage, raw []byte) {
	due := d.Due(m.StoreTimestamp, b.millis(), b.cluster.cfg.delayLevels)
	line := b.lines.Join(d.Level, m.QueueOffset, due, raw)
	b.cluster.timers.At(due, func() { b.deliverDue(line) })
}

// deliverDue delivers what waits in a line and is due. A broker that does not run does so
// when it is started again.
func (b *Broker) deliverDue(line *delays.Line) {
	if !b.srv.Running() {
		return
	}
	if again, ready := line.Deliver(b.cluster.timers.Now(), b.deliver); ready != nil {
		b.cluster.timers.At(again, func() {
			ready()
			b.deliverDue(line)
		})
	}
}

// deliver puts messages that have waited into their queues, and returns those that could not
// be stored. They share a write.
func (b *Broker) deliver(raws [][]byte) (undone []int) {
	waits := make([]func() error, len(raws))
	for i, raw := range raws {
		if parked, _, err := body.ParseStored(raw); err == nil { // AppendStored made it
			waits[i] = b.release(&parked)
		}
	}
	for i, wait := range waits {
		if wait != nil && wait() != nil {
			undone = append(undone, i)
		}
	}
	return undone
}

// release puts a message that has waited into its queue, unless it was recalled or its topic
// deleted. It returns what waits until it is stored.
func (b *Broker) release(parked *body.StoredMessage) (wait func() error) {
	delivered := func() error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.keeper.Delivered(parked.Topic, parked.QueueID, parked.QueueOffset)
		return nil
	}
	r, err := delays.Release(parked, b.cluster.timers.Now(), b.cluster.behaviour.Five)
	if err != nil || r.IsTimer && b.wasRecalled(r.Recall) {
		return delivered // park wrote it: there is no error
	}
	r.Message.StoreHost = b.host()
	raw, err := body.AppendStored(make([]byte, 0, r.Message.Size()), &r.Message)
	b.mu.Lock()
	t := b.topics[r.Message.Topic]
	b.mu.Unlock()
	if err != nil || t == nil {
		return delivered // properties over the limit: real brokers drop such a message as well
	}
	s, err := b.put(t, r.Message.QueueID, []entry{{Raw: raw, TagHash: r.TagHash}})
	if err != nil {
		return func() error { return err }
	}
	return func() error {
		if err := s.Write.Wait(); err != nil {
			return err
		}
		return delivered()
	}
}

package embedded

import (
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// delayRules are those that messages are delayed by now.
func (b *Broker) delayRules() delays.Rules {
	cfg := &b.cluster.cfg
	return delays.Rules{
		Levels: len(cfg.delayLevels), Five: b.cluster.behaviour.five, NoTimers: cfg.withoutTimers, MaxDelay: cfg.maxDelay,
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

// awaitDelay has a message that was parked delivered when its time has come. A
// level counts from the message's store time. A timer's second is worked on when
// it is over (TimerMessageStore.dequeue), so it is due a second after
// TIMER_OUT_MS.
func (b *Broker) awaitDelay(d delays.Delay, raw []byte) {
	due := time.UnixMilli(d.Out).Add(delays.Precision)
	if d.Level > 0 {
		m, _, err := body.ParseStored(raw)
		if err != nil {
			return // AppendStored made it: there is no such case
		}
		due = time.UnixMilli(m.StoreTimestamp).Add(b.cluster.cfg.delayLevels[d.Level-1])
	}
	b.cluster.timers.At(due, func() { b.delayOver(raw) })
}

// delayOver delivers a message whose time has come. A broker that does not run
// does so when it is started again.
func (b *Broker) delayOver(raw []byte) {
	b.mu.Lock()
	// Asked under mu, so that whoever starts the broker finds what is added.
	if !b.srv.running() {
		b.overdue = append(b.overdue, raw)
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	b.deliver(raw)
}

// deliverOverdue delivers what became due while the broker did not run.
func (b *Broker) deliverOverdue() {
	b.mu.Lock()
	overdue := b.overdue
	b.overdue = nil
	b.mu.Unlock()
	for _, raw := range overdue {
		b.deliver(raw)
	}
}

// deliver puts a message that has waited into its queue, unless it was recalled
// or its topic deleted (ScheduleMessageService.messageTimeUp and
// TimerMessageStore.convert of 5.5.0). All that made it wait stays on it.
func (b *Broker) deliver(raw []byte) {
	m, _, err := body.ParseStored(raw)
	if err != nil {
		return // AppendStored made it: there is no such case
	}
	var set properties.Set
	set.Parse(m.Properties, nil)
	m.Topic = string(set.Get(headers.PropertyRealTopic))
	queue, err := strconv.ParseInt(string(set.Get(headers.PropertyRealQueue)), 10, 32)
	if err != nil {
		return // park wrote it: there is no such case
	}
	m.QueueID = int32(queue)
	if out := set.Get(delays.PropertyOut); out != nil {
		if b.wasRecalled(recallKey{m.Topic, string(set.Get(headers.PropertyUniqueKey)), string(out)}) {
			return
		}
		second := delays.Precision.Milliseconds()
		set.Set(delays.PropertyEnqueued, strconv.FormatInt(m.StoreTimestamp/second*second, 10))
		set.Set(delays.PropertyDequeued, strconv.FormatInt(b.cluster.timers.Now().UnixMilli(), 10))
	}
	m.Properties = set.Append(nil, b.cluster.behaviour.five)
	m.StoreHost = b.host()
	stored, err := body.AppendStored(make([]byte, 0, m.Size()), &m)
	if err != nil {
		return // properties over the limit: real brokers drop such a message as well
	}
	b.mu.Lock()
	t := b.topics[m.Topic]
	b.mu.Unlock()
	if t != nil {
		b.put(t, m.QueueID, []entry{{raw: stored, tagHash: headers.HashCode(string(set.Get(headers.PropertyTags)))}})
	}
}

package embedded

import (
	"fmt"
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Where delayed messages wait (TopicValidator.RMQ_SYS_SCHEDULE_TOPIC and
// TimerMessageStore.TIMER_TOPIC), and what brokers write on them.
const (
	scheduleTopic = "SCHEDULE_TOPIC_XXXX"
	timerTopic    = "rmq_sys_wheel_timer"

	propertyTimerOut     = "TIMER_OUT_MS"
	propertyTimerEnqueue = "TIMER_ENQUEUE_MS"
	propertyTimerDequeue = "TIMER_DEQUEUE_MS"
)

// timerPrecision is MessageStoreConfig.timerPrecisionMs.
const timerPrecision = time.Second

// defaultDelayLevels is MessageStoreConfig.messageDelayLevel, the same in 4.9.7
// and 5.5.0.
var defaultDelayLevels = []time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
	6 * time.Minute, 7 * time.Minute, 8 * time.Minute, 9 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
}

// delay says how long a message waits before it is in its queue. The zero value
// is that of a message that does not.
type delay struct {
	level int   // from 1 on
	out   int64 // TIMER_OUT_MS, in milliseconds since 1970
}

func (d delay) isZero() bool { return d == delay{} }

// delayOf reads what a message says of its delay, or returns the refusal
// (HookUtils.handleScheduleMessage of 5.5.0, CommitLog.asyncPutMessage of 4.9.7).
// A level wins over a timer, whose properties are taken away then.
func (b *Broker) delayOf(set *propertySet) (d delay, refusal answer, ok bool) {
	if text := set.get(headers.PropertyDelayLevel); text != nil {
		n, err := strconv.ParseInt(string(text), 10, 32)
		if err != nil {
			return delay{}, refuse(headers.SystemError, "java.lang.NumberFormatException: For input string: \""+string(text)+"\""), false
		}
		d.level = max(0, min(int(n), len(b.cluster.cfg.delayLevels)))
	}
	if !b.cluster.behaviour.five {
		return d, answer{}, true // 4.9 does not know the timer properties
	}
	if d.level > 0 {
		set.remove(headers.PropertyTimerDeliverMS)
		set.remove(headers.PropertyTimerDelaySec)
		set.remove(headers.PropertyTimerDelayMS)
		return d, answer{}, true
	}
	return b.timerOf(set)
}

// timerOf is delayOf for a timer (HookUtils.transformTimerMessage).
func (b *Broker) timerOf(set *propertySet) (d delay, refusal answer, ok bool) {
	now := b.cluster.timers.now().UnixMilli()
	deliver, isTimer, err := deliverTime(set, now)
	switch most := b.cluster.cfg.maxDelay; {
	case !isTimer || set.get(propertyTimerOut) != nil:
		return delay{}, answer{}, true
	case b.cluster.cfg.withoutTimers:
		return delay{}, refuseSend(headers.SystemError, "accurate timer message is not enabled, timerWheelEnable is false"), false
	case err != nil || deliver-now > most.Milliseconds():
		return delay{}, refuseSend(headers.MessageIllegal, fmt.Sprintf(
			"timer message illegal, the delay time should not be bigger than the max delay %dms; or if set del msg, the delay time should be bigger than the current time",
			most.Milliseconds())), false
	case deliver <= now:
		return delay{}, answer{}, true
	}
	return delay{out: timerSlot(deliver)}, answer{}, true
}

// deliverTime reads the timer properties, in the order in which the first that is
// there counts.
func deliverTime(set *propertySet, now int64) (millis int64, isTimer bool, err error) {
	for _, p := range [...]struct {
		name       string
		base, unit int64
	}{
		{headers.PropertyTimerDelaySec, now, 1000},
		{headers.PropertyTimerDelayMS, now, 1},
		{headers.PropertyTimerDeliverMS, 0, 1},
	} {
		if text := set.get(p.name); text != nil {
			n, err := strconv.ParseInt(string(text), 10, 64)
			return p.base + n*p.unit, true, err
		}
	}
	return 0, false, nil
}

// timerSlot is the TIMER_OUT_MS of a time: the whole second before it, also for a
// time that is a whole second itself.
func timerSlot(millis int64) int64 {
	step := timerPrecision.Milliseconds()
	return (millis+step-1)/step*step - step
}

// park turns m into a message that waits in a topic of its own, which it returns.
func (b *Broker) park(m *body.StoredMessage, set *propertySet, d delay) *topic {
	set.set(headers.PropertyRealTopic, m.Topic)
	set.set(headers.PropertyRealQueue, strconv.Itoa(int(m.QueueID)))
	queues := len(b.cluster.cfg.delayLevels)
	if d.level > 0 {
		set.set(headers.PropertyDelayLevel, strconv.Itoa(d.level))
		m.Topic, m.QueueID = scheduleTopic, int32(d.level-1)
	} else {
		set.set(propertyTimerOut, strconv.FormatInt(d.out, 10))
		m.Topic, m.QueueID = timerTopic, 0
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
func (b *Broker) awaitDelay(d delay, raw []byte) {
	due := time.UnixMilli(d.out).Add(timerPrecision)
	if d.level > 0 {
		m, _, err := body.ParseStored(raw)
		if err != nil {
			return // AppendStored made it: there is no such case
		}
		due = time.UnixMilli(m.StoreTimestamp).Add(b.cluster.cfg.delayLevels[d.level-1])
	}
	b.cluster.timers.at(due, func() { b.delayOver(raw) })
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
	var set propertySet
	set.parse(m.Properties, nil)
	m.Topic = string(set.get(headers.PropertyRealTopic))
	queue, err := strconv.ParseInt(string(set.get(headers.PropertyRealQueue)), 10, 32)
	if err != nil {
		return // park wrote it: there is no such case
	}
	m.QueueID = int32(queue)
	if out := set.get(propertyTimerOut); out != nil {
		if b.wasRecalled(recallKey{m.Topic, string(set.get(headers.PropertyUniqueKey)), string(out)}) {
			return
		}
		second := timerPrecision.Milliseconds()
		set.set(propertyTimerEnqueue, strconv.FormatInt(m.StoreTimestamp/second*second, 10))
		set.set(propertyTimerDequeue, strconv.FormatInt(b.cluster.timers.now().UnixMilli(), 10))
	}
	m.Properties = set.append(nil, b.cluster.behaviour.five)
	m.StoreHost = b.host()
	stored, err := body.AppendStored(make([]byte, 0, m.Size()), &m)
	if err != nil {
		return // properties over the limit: real brokers drop such a message as well
	}
	b.mu.Lock()
	t := b.topics[m.Topic]
	b.mu.Unlock()
	if t != nil {
		b.put(t, m.QueueID, []entry{{raw: stored, tagHash: javaHash(string(set.get(headers.PropertyTags)))}})
	}
}

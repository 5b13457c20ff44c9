package publisher

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// DefaultTraceTopic is where brokers with traceTopicEnable keep traces
	// (TopicValidator.RMQ_SYS_TRACE_TOPIC, 5.5.0).
	DefaultTraceTopic = "RMQ_SYS_TRACE_TOPIC"

	// traceBodySize is the most bytes of records in a trace message
	// (AsyncTraceDispatcher, 5.5.0).
	traceBodySize = 128_000
	// traceKeysSize is the most bytes of its keys, which share the properties with
	// its id. Java gathers 20 records at most and has no such limit.
	traceKeysSize = 30_000
	// traceGather is how long records wait for others.
	traceGather = time.Second
	// traceTimeout bounds the sending of a trace message (AsyncTraceDispatcher).
	traceTimeout = 5 * time.Second
	// traceLogInterval is the least time between two log lines about lost records.
	traceLogInterval = time.Minute

	// defaultTraceRegion is that of a broker that names none
	// (MixAll.DEFAULT_TRACE_REGION_ID, 5.5.0).
	defaultTraceRegion = "DefaultRegion"
)

// tracer gathers records and sends them, in messages to the trace topic, with a
// publisher of its own: as with the Java client, traces have connections, a group
// and limits of their own, so that they hold up no message.
//
// Records come from those who send messages, and wait in a list with a limit. One
// goroutine takes them from there. What does not fit, or cannot be sent, is lost
// and counted.
type tracer struct {
	p     *Publisher // whose messages are traced
	out   *Publisher // that sends the traces
	limit int

	ctx    context.Context // ends what is being sent when Close has no more time
	cancel context.CancelFunc
	kick   chan struct{} // one slot: something waits
	full   chan struct{} // one slot: a whole message waits
	stop   chan struct{} // closed when no more is to be waited for
	done   chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex // guards what follows
	waiting  []traceRecord
	size     int // of those that wait, in bytes of a trace message
	inHand   int // records that are being sent
	overflow int // records lost for want of room, not told yet
	closed   bool

	// Used by the goroutine alone.
	spare  []traceRecord // space for those that wait next
	lost   int           // records lost since the latest log line
	cause  error
	logged time.Time
}

// errTraceFull is the cause of records that found no room.
var errTraceFull = fmt.Errorf("more records wait than Config.Trace.Waiting allows")

// startTracer returns nil if messages are not to be traced.
func startTracer(p *Publisher, logger watermill.LoggerAdapter) (*tracer, error) {
	if !p.cfg.Trace.Enabled {
		return nil, nil
	}
	out, err := New(traceConfig(&p.cfg), logger)
	if err != nil {
		return nil, fmt.Errorf("publisher: trace: %w", err)
	}
	out.plainTopics = true
	t := &tracer{
		p: p, out: out, limit: p.cfg.Trace.Waiting,
		kick: make(chan struct{}, 1), full: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	go t.run()
	return t, nil
}

// traces reports whether messages to the topic are traced. Those to the trace topic
// are not (SendMessageTraceHookImpl, 5.5.0, goes by the beginning of the name too).
func (t *tracer) traces(topic string) bool {
	return t != nil && !strings.HasPrefix(topic, t.p.cfg.Trace.Topic)
}

// readTrace reads what the answer says of tracing (MQClientAPIImpl.processSendResponse,
// 5.5.0).
func (s *storedBatch) readTrace(answer *headers.Command) {
	s.region = answer.Fields.String("MSG_REGION")
	s.untraced = answer.Fields.String("TRACE_ON") == "false"
}

// note gathers the records of a batch that a broker has stored.
func (t *tracer) note(b *batch, s *storedBatch) {
	o := b.lane.outbox
	if b.lane.oneway || s.untraced || !t.traces(o.topic) {
		return
	}
	o.mu.Lock()
	began := b.current.Began
	o.mu.Unlock()
	r := traceRecord{
		at: began.UnixMilli(), region: s.region, group: t.p.userName(t.p.cfg.ProducerGroup), topic: t.p.userName(o.topic), storeHost: s.addr,
		cost: t.p.now().Sub(began).Milliseconds(), success: s.status == SendOK,
	}
	if r.region == "" {
		r.region = defaultTraceRegion
	}
	for i, e := range b.entries {
		own := r
		own.id, own.bodyLength = e.id.String(), len(e.body)
		own.offsetID = place{list: s.offsetIDs, index: i, n: len(b.entries)}.offsetID()
		own.readProperties(e.properties)
		if b.delayedBy.Name != "" {
			own.kind = traceDelay
		}
		t.add(own)
	}
}

// readProperties takes from the properties of a message what its record tells.
func (r *traceRecord) readProperties(raw []byte) {
	for name, value := range headers.Properties(raw) {
		switch string(name) {
		case headers.PropertyTags:
			r.tags = string(value)
		case headers.PropertyKeys:
			r.keys = string(value)
		case headers.PropertyTransaction:
			if strings.EqualFold(string(value), "true") {
				r.kind = traceHalf
			}
		default:
			// The Java client calls timer messages normal ones, which they are not.
			if isDelay(headers.Property{Name: string(name), Value: string(value)}) {
				r.kind = traceDelay
			}
		}
	}
}

// add puts a record behind those that wait. It never blocks.
func (t *tracer) add(r traceRecord) {
	t.mu.Lock()
	lost := t.closed || len(t.waiting)+t.inHand >= t.limit
	first := len(t.waiting) == 0
	if lost {
		t.overflow++
	} else {
		t.waiting = append(t.waiting, r)
		t.size += r.size()
	}
	full := t.size >= traceBodySize
	t.mu.Unlock()
	if first || lost {
		signal(t.kick)
	}
	if full {
		signal(t.full)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run sends what has gathered until it is told to stop and nothing waits.
func (t *tracer) run() {
	defer close(t.done)
	for {
		select {
		case <-t.kick:
		case <-t.stop:
		}
		t.gather()
		for t.sendSome() {
		}
		select {
		case <-t.stop:
			t.end()
			return
		default:
		}
	}
}

// gather waits for others that are to share a message with those that wait.
func (t *tracer) gather() {
	timer := time.NewTimer(traceGather)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.full:
	case <-t.stop:
	}
}

// sendSome sends what waits, in as many messages as it takes, and reports whether
// there was anything.
func (t *tracer) sendSome() bool {
	t.mu.Lock()
	records, overflow := t.waiting, t.overflow
	t.waiting, t.size, t.overflow, t.inHand = t.spare[:0], 0, 0, len(records)
	t.mu.Unlock()
	if overflow > 0 {
		t.drop(overflow, errTraceFull)
	}
	var m traceMessage
	for i := range records {
		if !m.add(&records[i]) {
			t.send(&m)
			m.add(&records[i])
		}
	}
	t.send(&m)
	clear(records)
	t.spare = records
	return len(records) > 0
}

// traceMessage is a message to the trace topic that is being filled.
type traceMessage struct {
	body  []byte
	keys  traceKeys
	count int
}

// add adds a record unless it does not fit. An empty message takes any.
func (m *traceMessage) add(r *traceRecord) bool {
	if m.count > 0 && len(m.body)+r.size() > traceBodySize || !m.keys.add(r, traceKeysSize) {
		return false
	}
	m.body = r.append(m.body)
	m.count++
	return true
}

func (m *traceMessage) reset() {
	m.body, m.count = m.body[:0], 0
	m.keys.reset()
}

// send sends the message and empties it. What cannot be sent is lost.
func (t *tracer) send(m *traceMessage) {
	if m.count == 0 {
		return
	}
	msg := message.NewMessageWithContext(t.ctx, string(m.keys.text), m.body)
	if err := t.out.Publish(t.p.cfg.Trace.Topic, msg); err != nil {
		t.drop(m.count, err)
	}
	t.mu.Lock()
	t.inHand -= m.count
	t.mu.Unlock()
	m.reset()
}

// drop tells of lost records: the hook at once, the log now and then.
func (t *tracer) drop(records int, cause error) {
	t.lost, t.cause = t.lost+records, cause
	if now := t.p.now(); t.logged.IsZero() || now.Sub(t.logged) >= traceLogInterval {
		t.logged = now
		t.logLost()
	}
	if hook := t.p.cfg.Hooks.TracesDropped; hook != nil {
		hook(records, cause)
	}
}

func (t *tracer) logLost() {
	t.p.logger.Error("Message traces lost", t.cause, watermill.LogFields{"records": t.lost, "trace_topic": t.p.cfg.Trace.Topic})
	t.lost = 0
}

// end refuses what may still come, and tells of what has come too late to be sent.
func (t *tracer) end() {
	t.mu.Lock()
	t.closed = true
	late := len(t.waiting) + t.overflow
	t.waiting, t.overflow = nil, 0
	t.mu.Unlock()
	if late > 0 {
		t.drop(late, ErrClosed)
	}
	if t.lost > 0 {
		t.logLost()
	}
}

// close sends what waits, for as long as there is time, and ends the tracer. Senders
// have ended. Calls that Close has cut off may still bring records, which are lost.
func (t *tracer) close(length time.Duration) {
	if t == nil {
		return
	}
	close(t.stop)
	timer := time.AfterFunc(length, t.cancel)
	<-t.done
	timer.Stop()
	t.cancel()
	_ = t.out.Close() // nothing is under way in it
}

// Package trace gathers what RocketMQ's message trace tells of stored messages, and
// sends it to the trace topic through a message.Publisher that it is given.
package trace

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// gatherTime is how long records wait for others.
const gatherTime = time.Second

// Causes of records that are lost. All others are errors of Config.Publisher.
var (
	// ErrFull means that Config.MaxWaiting records waited already.
	ErrFull = errors.New("too many trace records wait")
	// ErrClosed means that a record came when the Observer was closing.
	ErrClosed = errors.New("the trace observer is closed")
)

// Config says where traces go. All fields have to be set.
type Config struct {
	// Publisher sends the trace messages, one at a time. A message's payload is the
	// body of the RocketMQ message, its UUID are the search keys (the property KEYS).
	// Publish must return soon when the context of the message has ended. The Observer
	// does not close the Publisher.
	Publisher message.Publisher
	// Topic is what Publisher calls the trace topic.
	Topic string
	// MaxWaiting is the most records that wait or are being sent.
	MaxWaiting int
	// Dropped is called with the number of records that have been lost, and the
	// cause, by the Observer's goroutine. It must not panic and must not close the
	// Observer.
	Dropped func(records int, cause error)
}

// Observer gathers the records of stored messages and sends them. Records wait in a list
// with a limit. One goroutine takes them from there, so that they hold up no message. What
// does not fit, or cannot be sent, is lost and counted. An Observer is safe for
// concurrent use.
type Observer struct {
	cfg Config

	ctx    context.Context // ends what is being sent when CloseBy has no more time
	cancel context.CancelFunc
	kick   chan struct{} // one slot: something waits
	full   chan struct{} // one slot: a whole message waits
	stop   chan struct{} // closed when no more is to be waited for
	done   chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex // guards what follows
	waiting  []record
	size     int // of those that wait, in bytes of a trace message
	inHand   int // records that are being sent
	overflow int // records lost for want of room, not told yet
	closed   bool

	// spare is space for those that wait next. Only the goroutine uses it.
	spare []record
}

// Start returns an Observer whose goroutine runs until CloseBy.
func Start(cfg Config) *Observer {
	o := &Observer{
		cfg:  cfg,
		kick: make(chan struct{}, 1), full: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	go o.run()
	return o
}

// Traces reports whether messages to the topic are traced. Those to the trace topic
// are not (SendMessageTraceHookImpl, 5.5.0, goes by the beginning of the name too).
func (o *Observer) Traces(topic string) bool {
	return !strings.HasPrefix(topic, o.cfg.Topic)
}

// Stored gathers the record of a message. It never blocks, and keeps neither m nor its
// Properties.
func (o *Observer) Stored(m *Message) {
	r := recordOf(m)
	o.mu.Lock()
	lost := o.closed || len(o.waiting)+o.inHand >= o.cfg.MaxWaiting
	first := len(o.waiting) == 0
	if lost {
		o.overflow++
	} else {
		o.waiting = append(o.waiting, r)
		o.size += r.size()
	}
	full := o.size >= maxBodySize
	o.mu.Unlock()
	if first || lost {
		signal(o.kick)
	}
	if full {
		signal(o.full)
	}
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run sends what has gathered until it is told to stop and nothing waits.
func (o *Observer) run() {
	defer close(o.done)
	for {
		select {
		case <-o.kick:
		case <-o.stop:
		}
		o.gather()
		for o.sendSome() {
		}
		select {
		case <-o.stop:
			o.end()
			return
		default:
		}
	}
}

// gather waits for others that are to share a message with those that wait.
func (o *Observer) gather() {
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-o.full:
	case <-o.stop:
	}
}

// sendSome sends what waits, in as many messages as it takes, and reports whether
// there was anything.
func (o *Observer) sendSome() bool {
	o.mu.Lock()
	records, overflow := o.waiting, o.overflow
	o.waiting, o.size, o.overflow, o.inHand = o.spare[:0], 0, 0, len(records)
	o.mu.Unlock()
	if overflow > 0 {
		o.cfg.Dropped(overflow, ErrFull)
	}
	var d draft
	for i := range records {
		if !d.add(&records[i]) {
			o.send(&d)
			d.add(&records[i])
		}
	}
	o.send(&d)
	clear(records)
	o.spare = records
	return len(records) > 0
}

// send sends the message and empties it. What cannot be sent is lost.
func (o *Observer) send(d *draft) {
	if d.count == 0 {
		return
	}
	msg := message.NewMessageWithContext(o.ctx, string(d.keys.text), d.body)
	if err := o.cfg.Publisher.Publish(o.cfg.Topic, msg); err != nil {
		o.cfg.Dropped(d.count, err)
	}
	o.mu.Lock()
	o.inHand -= d.count
	o.mu.Unlock()
	d.reset()
}

// end refuses what may still come, and tells of what has come too late to be sent.
func (o *Observer) end() {
	o.mu.Lock()
	o.closed = true
	late := len(o.waiting) + o.overflow
	o.waiting, o.overflow = nil, 0
	o.mu.Unlock()
	if late > 0 {
		o.cfg.Dropped(late, ErrClosed)
	}
}

// CloseBy sends what waits, until end at the latest, and ends the Observer. Dropped is
// not called any more when it returns: records that come later are lost, and nobody is
// told. It is called once.
func (o *Observer) CloseBy(end time.Time) {
	close(o.stop)
	timer := time.AfterFunc(time.Until(end), o.cancel)
	<-o.done
	timer.Stop()
	o.cancel()
}

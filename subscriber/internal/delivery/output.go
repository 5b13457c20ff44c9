package delivery

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// Causes of the end of a message's context, beside its answer.
var (
	// ErrStopped means that the subscription has ended, and did not wait longer for the
	// answer.
	ErrStopped = errors.New("subscription has ended")
	// ErrTooLong means that the handler has taken longer than Config.MaxProcessing.
	ErrTooLong = errors.New("handler took too long")
	// ErrLeaseLost means that the broker may have given the message to somebody else.
	ErrLeaseLost = errors.New("lease of the message is lost")
	// ErrQueueLost means that the queue of the message belongs to another member now.
	ErrQueueLost = errors.New("queue went to another member")
)

// Unreadable says what becomes of a message that Config.Make has refused.
type Unreadable uint8

// What becomes of a message that is not readable: a dead letter, nothing, or what becomes
// of one whose handler failed.
const (
	UnreadableDeadLetter Unreadable = iota
	UnreadableSkip
	UnreadableNack
)

// Config is what the lanes of a subscription have in common.
type Config struct {
	// Topic and Group are names for Delivery.Subscription.
	Topic, Group string
	// Context has the values that messages' contexts have. Its end means nothing.
	Context context.Context
	// Ordered has each lane hand out one message at a time.
	Ordered bool
	// Messages and Bytes bound the Budget.
	Messages, Bytes int
	// Make makes Watermill's message, anew for each delivery. It must not panic.
	Make       func(m *Message) (*message.Message, error)
	Unreadable Unreadable
	Redelivery Redelivery
	// Delay returns the pause that a failed message asks for itself.
	Delay func(given *message.Message, now time.Time) (time.Duration, bool)
	// MaxProcessing is how long a handler may take. 0 is for ever.
	MaxProcessing time.Duration
	// DeadLetter makes a dead letter of a message. It waits until that is done, or ctx ends.
	DeadLetter func(ctx context.Context, m *Message) error
	Observer   Observer
}

// Output is the channel of a subscription, and all that is on the way to it.
type Output struct {
	cfg     Config
	values  context.Context
	channel chan *message.Message
	budget  *Budget
	memory  memory

	// life ends when nobody waits for answers any more.
	life    context.Context
	endLife context.CancelFunc
	helpers sync.WaitGroup // goroutines that wait for answers or make dead letters

	mu      sync.Mutex // guards what follows
	lanes   map[*Lane]struct{}
	stopped bool
	senders int // running lanes that may still send
	running int // running lanes
	idle    chan struct{}
}

// New returns an Output without lanes. Stop and Drain end it.
func New(cfg Config) *Output {
	o := &Output{
		cfg:     cfg,
		values:  context.WithoutCancel(cfg.Context),
		channel: make(chan *message.Message),
		budget:  NewBudget(cfg.Messages, cfg.Bytes, cfg.Ordered),
		lanes:   make(map[*Lane]struct{}),
	}
	o.life, o.endLife = context.WithCancel(context.Background())
	return o
}

// Channel is where the messages come out. It is not buffered, and closed by Stop.
func (o *Output) Channel() <-chan *message.Message { return o.channel }

// Budget bounds what may be taken from brokers.
func (o *Output) Budget() *Budget { return o.budget }

// Ordered reports Config.Ordered: engines make a lane for each queue then.
func (o *Output) Ordered() bool { return o.cfg.Ordered }

// NewLane returns a lane without messages.
func (o *Output) NewLane() *Lane {
	l := &Lane{output: o, signal: make(chan struct{}, 1)}
	o.mu.Lock()
	defer o.mu.Unlock()
	l.stopping = o.stopped
	o.lanes[l] = struct{}{}
	return l
}

func (o *Output) forget(l *Lane) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.lanes, l)
}

// Stop ends the handing out: messages that wait are released, and the channel is closed,
// soon and without a receiver. It does not wait for either.
func (o *Output) Stop() {
	o.mu.Lock()
	if o.stopped {
		o.mu.Unlock()
		return
	}
	o.stopped = true
	if o.senders == 0 {
		close(o.channel)
	}
	lanes := o.list()
	o.mu.Unlock()
	for _, l := range lanes {
		l.stop()
	}
}

// Stopped reports whether Stop was called. Lanes that release a message because of that do so
// later.
func (o *Output) Stopped() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stopped
}

// Drain waits for the answers to all messages that are handed out, until ctx ends: then
// their contexts end with the cause ErrStopped, and they are released. When it returns no
// goroutine of the Output is left, no message will be told of to a Source, and the channel
// is closed. Engines must have put their last message before. It calls Stop.
func (o *Output) Drain(ctx context.Context) {
	o.Stop()
	idle := o.whenIdle()
	select {
	case <-idle:
	case <-ctx.Done():
		o.mu.Lock()
		lanes := o.list()
		o.mu.Unlock()
		for _, l := range lanes {
			l.abandon(ErrStopped)
		}
	}
	o.endLife()
	<-idle
	o.helpers.Wait()
}

// list returns the lanes. mu is held.
func (o *Output) list() []*Lane {
	lanes := make([]*Lane, 0, len(o.lanes))
	for l := range o.lanes {
		lanes = append(lanes, l)
	}
	return lanes
}

// whenIdle returns a channel that is closed when no lane has messages.
func (o *Output) whenIdle() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	idle := make(chan struct{})
	if o.running == 0 {
		close(idle)
		return idle
	}
	o.idle = idle
	return idle
}

// enter counts a lane that begins to run. It reports whether it may send.
func (o *Output) enter() (sends bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running++
	if o.stopped {
		return false
	}
	o.senders++
	return true
}

// mute says that a lane that might send will not.
func (o *Output) mute() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.senders--; o.senders == 0 && o.stopped {
		close(o.channel)
	}
}

// leave says that a lane does not run any more.
func (o *Output) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.running--; o.running == 0 && o.idle != nil {
		close(o.idle)
		o.idle = nil
	}
}

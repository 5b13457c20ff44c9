package pop

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Fetcher pops the messages of one subscription from all brokers of the topic. It is made
// by Engine.Subscribe, and safe for concurrent use.
type Fetcher struct {
	e      *Engine
	topic  engine.Topic
	tags   []string // that are asked for; empty if messages are not filtered by tags
	output *delivery.Output
	lane   *delivery.Lane // of an unordered subscription

	// waits ends with Stop: nothing is waited for any longer, and no pop begins. popping
	// ends when Stop does not wait for pops under way.
	waits, popping      context.Context
	stopWaits, stopPops context.CancelFunc
	unconfirmed         unconfirmed
	hasty               atomic.Bool // renewals are not tried again
	abandoned           atomic.Bool // nobody waits for what is unconfirmed

	mu       sync.Mutex // guards what follows
	readers  map[source]*reader
	lanes    map[source]*delivery.Lane // of ordered readers, those that have ended too
	running  int                       // goroutines of readers
	begun    bool                      // the group is known to brokers, and begins where it has to
	stopping bool
	idle     chan struct{} // closed when stopping and nothing is running
}

var _ engine.Fetcher = (*Fetcher)(nil)

// source is what a reader reads: a broker, or one of its queues.
type source struct {
	broker string
	queue  int32 // anyQueue for all
}

// anyQueue stands for all queues of a broker, in requests too.
const anyQueue = -1

func newFetcher(e *Engine, topic engine.Topic, output *delivery.Output) *Fetcher {
	f := &Fetcher{
		e: e, topic: topic, tags: tagsOf(topic), output: output,
		readers: make(map[source]*reader), lanes: make(map[source]*delivery.Lane), idle: make(chan struct{}),
	}
	f.unconfirmed.none = make(chan struct{}, 1)
	f.waits, f.stopWaits = context.WithCancel(e.ctx)
	f.popping, f.stopPops = context.WithCancel(e.ctx)
	return f
}

// discard ends a fetcher that does not begin.
func (f *Fetcher) discard() {
	f.stopWaits()
	f.stopPops()
}

// names are the topics that messages may be in.
func (f *Fetcher) names() topicNames {
	group := f.e.cfg.Group
	return topicNames{f.topic.Name, headers.RetryV1.Topic(group, f.topic.Name), headers.RetryV2.Topic(group, f.topic.Name)}
}

// begin has the fetcher read.
func (f *Fetcher) begin() {
	f.mu.Lock()
	f.begun = true
	if !f.e.cfg.Ordered {
		f.lane = f.output.NewLane()
	}
	f.mu.Unlock()
	f.reconcile()
}

// reconcile has a reader for each broker of the topic or, if it is ordered, each of its
// queues, and ends those of others.
func (f *Fetcher) reconcile() {
	ctx, cancel := context.WithCancel(f.waits)
	cancel()    // a route that is cached is enough
	f.mu.Lock() // the route that is read last is also applied last
	defer f.mu.Unlock()
	route, err := f.e.cfg.Member.Routes().ReadRoute(ctx, f.topic.Name)
	if err != nil {
		return // readers go on, and a route that comes is told of
	}
	wanted := make(map[source]int)
	for _, q := range route.ReadQueues() {
		at := source{q.BrokerName, anyQueue}
		if f.e.cfg.Ordered {
			at.queue = q.QueueID
		}
		wanted[at]++
	}
	if f.stopping || !f.begun {
		return
	}
	for at, r := range f.readers {
		if wanted[at] == 0 {
			r.stop()
			delete(f.readers, at)
		}
	}
	for at, queues := range wanted {
		r := f.readers[at]
		if r == nil {
			r = newReader(f, at)
			f.readers[at] = r
			f.running++
			if f.e.cfg.Ordered {
				go r.readInOrder(f.laneOf(at), max(1, f.output.Budget().Messages()/len(wanted)))
			} else {
				r.poppers = 1
				go r.read(0)
			}
		}
		r.setQueues(queues)
	}
}

// look has all readers pop that wait for messages.
func (f *Fetcher) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.readers {
		r.look()
	}
}

// laneOf returns the lane of a queue. It is kept when the queue is not read any more: its
// messages are the group's until their leases end. mu is held.
func (f *Fetcher) laneOf(at source) *delivery.Lane {
	l := f.lanes[at]
	if l == nil {
		l = f.output.NewLane()
		f.lanes[at] = l
	}
	return l
}

// enter counts a goroutine of a reader, unless the fetcher is stopping.
func (f *Fetcher) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopping {
		f.running++
	}
	return !f.stopping
}

// leave says that a goroutine of a reader ends.
func (f *Fetcher) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running--; f.running == 0 && f.stopping {
		close(f.idle)
	}
}

// Stop ends the fetching.
func (f *Fetcher) Stop(ctx context.Context) {
	f.mu.Lock()
	if !f.stopping {
		f.stopping = true
		if f.running == 0 {
			close(f.idle)
		}
	}
	f.mu.Unlock()
	f.stopWaits()
	select {
	case <-f.idle:
	case <-ctx.Done():
	}
	f.stopPops()
	<-f.idle
}

// Hasten has those give up that try to renew leases.
func (f *Fetcher) Hasten() {
	f.hasty.Store(true)
	for _, b := range f.e.allBrokers() {
		b.changes.hasten(f)
		b.news.tell()
	}
}

// Close waits for the answers to acks, and to what gives messages back. It calls Stop.
func (f *Fetcher) Close(ctx context.Context) error {
	f.Stop(ctx)
	f.e.remove(f)
	f.unconfirmed.forget() // what is in there was logged
	brokers := f.e.allBrokers()
	for _, b := range brokers {
		b.acks.hurry()
		b.news.tell() // who pauses after a failure tries once more
	}
	if err := f.unconfirmed.wait(ctx); err != nil {
		f.abandoned.Store(true)
		for _, b := range brokers {
			b.acks.abandon(f)
			b.changes.abandon(f)
			b.news.tell()
		}
		f.unconfirmed.giveUp(err)
	}
	for _, b := range brokers {
		b.acks.calm()
	}
	return f.unconfirmed.report(f.topic.Name)
}

// Unconfirmed is how many acks brokers have not answered.
func (f *Fetcher) Unconfirmed() int { return int(f.unconfirmed.acks.Load()) }

// Queues are those that are read in order; which queues an unordered pop reads is the
// brokers' choice.
func (f *Fetcher) Queues() []routing.MessageQueue {
	f.mu.Lock()
	defer f.mu.Unlock()
	var queues []routing.MessageQueue
	for at := range f.readers {
		if at.queue != anyQueue {
			queues = append(queues, routing.MessageQueue{Topic: f.topic.Name, BrokerName: at.broker, QueueID: at.queue})
		}
	}
	slices.SortFunc(queues, routing.MessageQueue.Compare)
	return queues
}

// unborn has a broker take the time at which it reads a request for the one at which the
// request was made (PopMessageProcessor of 5.0.0 and 5.5.0). By its own clock a pop that
// does not wait is never too old; one with the time of a clock that is half a second behind
// always is.
const unborn = 0

// pop asks a broker for messages of one of its queues, or of any, and puts them into the
// lane. It is never given up: a broker hides what it hands out, whether or not somebody
// reads the answer.
func (f *Fetcher) pop(b *broker, queueID int32, most int, attempt string, lane *delivery.Lane) (answer, error) {
	expressionType, expression := expressionOf(f.topic.Filter)
	ctx, cancel := context.WithTimeout(f.popping, f.e.cfg.RequestTimeout)
	defer cancel()
	sent := time.Now()
	command, err := b.invoke(ctx, f.topic.Name, &headers.PopMessage{
		ConsumerGroup: f.e.cfg.Group, Topic: f.topic.Name, QueueID: queueID, MaxMessages: int32(most),
		InvisibleMillis: f.e.cfg.Lease.Milliseconds(), BornTimestamp: unborn, InitMode: headers.PopFromMin,
		ExpressionType: expressionType, Expression: expression, Order: f.e.cfg.Ordered, AttemptID: attempt, BrokerName: b.name,
	}, nil)
	if err == nil && !isNone(headers.ResponseCode(command.Code)) {
		command, err = headers.Successful(command, nil)
	}
	if err != nil {
		f.output.Budget().Return(most)
		b.blame(f.topic.Name, err)
		return answer{}, err
	}
	a := f.read(b, &command, queueID, most, sent)
	if a.fault != nil {
		if missed, ok := f.e.logs.answers.Ask(b.name, time.Now()); ok {
			f.e.cfg.Logger.Error("Answer to a pop contradicts itself, leaving messages to their lease", a.fault,
				watermill.LogFields{"broker": b.name, "rocketmq_topic": f.topic.Name, loglimit.Unlogged: missed})
		}
	}
	f.deliver(b, &a, lane, most)
	return a, nil
}

// deliver puts the messages of an answer into a lane.
func (f *Fetcher) deliver(b *broker, a *answer, lane *delivery.Lane, most int) {
	if len(a.points) > 0 {
		queue := routing.MessageQueue{Topic: f.topic.Name, BrokerName: b.name, QueueID: a.points[0].queueID}
		if len(a.points) > 1 {
			queue.QueueID = anyQueue
		}
		f.e.cfg.Observer.Fetched(f.topic.Name, queue, len(a.messages))
	}
	f.filter(a)
	lane.Put(a.messages)
	f.output.Budget().Return(most - len(a.messages))
}

// poll is how long a broker may hold a NOTIFICATION. Brokers close connections that are
// idle for 120 s.
const poll = 15 * time.Second

// notified waits until a broker has messages of one of its queues, or of any. has says that
// it may have some; it is false when the time is over, too. The error is that of ctx if it
// has ended.
func (f *Fetcher) notified(ctx context.Context, b *broker, queueID int32, attempt string, hold time.Duration) (headers.NotificationResult, error) {
	expressionType, expression := expressionOf(f.topic.Filter)
	bounded, cancel := context.WithTimeout(ctx, hold+f.e.cfg.RequestTimeout)
	defer cancel()
	command, err := headers.Successful(b.invoke(bounded, f.topic.Name, &headers.Notification{
		ConsumerGroup: f.e.cfg.Group, Topic: f.topic.Name, QueueID: queueID, PollMillis: hold.Milliseconds(),
		BornTimestamp: unborn, Order: f.e.cfg.Ordered, AttemptID: attempt,
		ExpressionType: expressionType, Expression: expression, BrokerName: b.name,
	}, nil))
	if err != nil {
		if ctx.Err() == nil {
			b.blame(f.topic.Name, err)
		}
		return headers.NotificationResult{}, err
	}
	return headers.ParseNotificationResult(&command)
}

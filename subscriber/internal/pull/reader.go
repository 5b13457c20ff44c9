package pull

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

const (
	// lossGrace is how long a queue that goes to another member waits for the answers to
	// its messages. Ordered, it waits as long as the handler takes.
	lossGrace = time.Second
	// handoverPause is how long a queue that another member may have read until now is
	// left alone, so that what that one has consumed is committed. Java's clients of 5.2 on
	// divide queues once a second at most (RebalanceService.minInterval, 5.5.0).
	handoverPause     = 500 * time.Millisecond
	handoverPauseJava = 1250 * time.Millisecond
)

// Causes of the end of a reader's work, or of a part of it.
var (
	errEnded       = errors.New("reading has ended")
	errMoved       = errors.New("queue is read from another offset")
	errLockLost    = errors.New("lock of the queue is lost")
	errInterrupted = errors.New("there is something else to read")
)

// ending says how the work of a reader ends.
type ending uint8

const (
	lost   ending = iota // the queue belongs to somebody else
	closed               // its subscription ends, and has been drained
)

// reader reads a queue for as long as it belongs to this member. It has one goroutine,
// run, which lose or close ends.
type reader struct {
	engine  *Engine
	queue   routing.MessageQueue
	fetcher *Fetcher // nil for a queue of a retry topic
	filter  headers.SubscriptionData
	lock    *lock // nil if the queue needs none
	returns returns

	// before is closed when all that have read the queue before in this engine are done. It
	// may be nil.
	before <-chan struct{}
	// previous is a member that may read the queue still, empty if there is none.
	previous string
	// reached is the offset up to which all was acked when the lock was lost, which the
	// broker may not have been told.
	reached int64

	// fetching ends when nothing more is to be read, life when nothing is waited for.
	fetching  context.Context
	stopFetch context.CancelCauseFunc
	life      context.Context
	endLife   context.CancelFunc
	helpers   sync.WaitGroup // goroutines beside run; they end with life

	quiet  chan struct{} // closed when nothing will be put into a lane
	ended  chan struct{} // closed by end
	ending sync.Once
	// How the reader has ended, set before ended is closed. ctx bounds the goodbye.
	how ending
	bye context.Context
	// done is closed when all is over. err is what the broker has not confirmed.
	done chan struct{}
	err  error
	// over is closed when those before are done as well.
	over chan struct{}

	mu       sync.Mutex // guards what follows
	progress *progress  // nil before it is known where to begin
	target   *int64     // where to go on
	restart  context.CancelCauseFunc
	poll     context.CancelCauseFunc // of the pull under way
	polled   time.Time               // when the last pull was answered
}

func newReader(e *Engine, q routing.MessageQueue, f *Fetcher, filter headers.SubscriptionData) *reader {
	r := &reader{
		engine: e, queue: q, fetcher: f, filter: filter,
		quiet: make(chan struct{}), ended: make(chan struct{}), done: make(chan struct{}), over: make(chan struct{}),
	}
	r.returns.reader = r
	r.fetching, r.stopFetch = context.WithCancelCause(e.ctx)
	r.life, r.endLife = context.WithCancel(e.ctx)
	return r
}

// stop ends the fetching, and does not wait for it.
func (r *reader) stop() { r.stopFetch(errEnded) }

// end ends the reader. It does not wait for it: see done.
func (r *reader) end(ctx context.Context, how ending) {
	r.ending.Do(func() {
		r.how, r.bye = how, ctx
		close(r.ended)
	})
	r.stop()
}

func (r *reader) run() {
	defer close(r.done)
	if r.before != nil {
		select {
		case <-r.before:
		case <-r.fetching.Done():
		}
	}
	if r.lock != nil && r.fetching.Err() == nil {
		r.engine.locks.want(r.lock)
	}
	for r.fetching.Err() == nil {
		r.read()
	}
	close(r.quiet)
	select {
	case <-r.ended:
	case <-r.engine.ctx.Done():
		r.end(r.engine.ctx, closed)
	}
	r.finish()
}

// read reads from one place on, until the queue is left or to be read from elsewhere.
func (r *reader) read() {
	ctx, cancel := context.WithCancelCause(r.fetching)
	defer cancel(nil)
	r.mu.Lock()
	r.restart = cancel
	r.mu.Unlock()
	if r.lock != nil && !r.lock.await(ctx) {
		return
	}
	p := r.begin(ctx)
	if p == nil {
		return
	}
	r.fetch(ctx, p)
	if r.fetching.Err() != nil {
		return // finish sees to the rest
	}
	if errors.Is(context.Cause(ctx), errLockLost) {
		// Another member may be about to begin, or has begun: then it says soon where it is.
		_ = r.commit(r.fetching) // it is logged
	}
	p.fence(r.fetching)
	r.leave(p)
	r.reached = 0
	if errors.Is(context.Cause(ctx), errLockLost) {
		_, r.reached = p.span()
	}
}

// leave has the lanes of a progress closed that is left for another one. Ordered, it waits
// until no handler has a message of the queue.
func (r *reader) leave(p *progress) {
	for _, l := range p.lanes {
		if r.lock != nil {
			l.Close(r.life)
			continue
		}
		r.helpers.Go(func() { l.Close(r.life) })
	}
	clear(p.lanes)
}

// finish says goodbye to the queue.
func (r *reader) finish() {
	if p := r.current(); p != nil {
		if r.how == lost {
			r.handOver(p)
		}
		r.returns.wait(r.bye)
		err := p.commit(r.bye)
		if err != nil && r.how == closed {
			r.err = err
		} else if err != nil {
			r.engine.logs.failed("Cannot commit the offset of a queue that goes to another member", err, r.queue)
		}
		p.fence(r.bye)
		if r.engine.isBroadcast() {
			_, lowest := p.span()
			r.fetcher.positions.keep(r.queue, lowest)
		}
	}
	if r.lock != nil {
		if err := r.engine.locks.drop(r.bye, r.lock); err != nil {
			r.err = errors.Join(r.err, err)
		}
	}
	r.endLife()
	r.helpers.Wait()
}

// current returns the progress, nil if there is none yet.
func (r *reader) current() *progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// handOver commits what is consumed, for the next owner to begin behind it, and waits for
// the answers to what is with handlers.
func (r *reader) handOver(p *progress) {
	_ = p.commit(r.bye) // it is done again
	ctx := r.life
	if r.lock == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, lossGrace)
		defer cancel()
	}
	var lanes sync.WaitGroup
	for _, l := range p.lanes {
		lanes.Go(func() { l.Close(ctx) })
	}
	lanes.Wait()
}

// moveTo has the queue read from another offset. The broker has it when moveTo returns
// nil; until then everything stays as it was.
func (r *reader) moveTo(ctx context.Context, offset int64) error {
	unfence := func() {}
	if p := r.current(); p != nil {
		unfence = p.fence(ctx)
	}
	if !r.engine.isBroadcast() {
		if err := r.engine.commit(ctx, r.queue, offset); err != nil {
			unfence()
			return err
		}
	}
	r.goTo(offset)
	return nil
}

// goTo has the queue read from another offset that the broker knows.
func (r *reader) goTo(offset int64) {
	r.mu.Lock()
	r.target = &offset
	restart := r.restart
	r.mu.Unlock()
	if restart != nil {
		restart(errMoved)
	}
}

// lockLost ends the reading until the lock is there again.
func (r *reader) lockLost() {
	r.mu.Lock()
	restart := r.restart
	r.mu.Unlock()
	if restart != nil {
		restart(errLockLost)
	}
}

// interrupt ends the wait for messages, so that something else may be read.
func (r *reader) interrupt() {
	r.mu.Lock()
	poll := r.poll
	r.mu.Unlock()
	if poll != nil {
		poll(errInterrupted)
	}
}

// commit tells the broker what is consumed, and logs if that fails.
func (r *reader) commit(ctx context.Context) error {
	p := r.current()
	if p == nil {
		return nil
	}
	err := p.commit(ctx)
	if err != nil && ctx.Err() == nil {
		r.engine.logs.failed("Cannot commit the offset of a queue, trying again", err, r.queue)
	}
	return err
}

package publisher

import (
	"sync"
	"time"
)

// goodbyeTimeout bounds the goodbye to all brokers. They forget a producer whose
// connection ends as well (ClientHousekeepingService, 5.5.0), so there is not
// much to be gained by waiting.
const goodbyeTimeout = time.Second

// enter lets a Publish call in, unless the publisher is closing.
func (p *Publisher) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || p.stopped {
		return false
	}
	p.inFlight++
	return true
}

// enterToEnd is enter for the end of a transaction, which Close lets in for as long
// as it waits for calls under way.
func (p *Publisher) enterToEnd() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped || p.closing && p.inFlight == 0 {
		return false
	}
	p.inFlight++
	return true
}

// Hold makes Close wait for its caller as for a Publish call, up to
// Config.CloseTimeout, until release is called. Transactions can be ended
// meanwhile, and nothing new can be published. It is for work that lies between
// BeginTransaction and the end of the transaction, as that of package outbox does.
// Once Close has been called it holds nothing: release is nil and ok false. release
// may be called more than once, from any goroutine.
func (p *Publisher) Hold() (release func(), ok bool) {
	if !p.enter() {
		return nil, false
	}
	return sync.OnceFunc(p.leave), true
}

// isClosing reports whether Close has been called.
func (p *Publisher) isClosing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
}

// cutOff ends the calls under way, and keeps others out: Close does so, and the end of the
// session.
func (p *Publisher) cutOff() {
	p.mu.Lock()
	again := p.stopped
	p.stopped = true
	p.mu.Unlock()
	if !again {
		close(p.cut)
		p.engine.Cut()
	}
}

// leave is told when a call that was let in ends.
func (p *Publisher) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight--
	if p.closing && p.inFlight == 0 {
		close(p.drained)
	}
}

// Close refuses new calls, waits up to Config.CloseTimeout for those under way,
// tells the brokers that the producer is gone, and ends every goroutine and
// connection of the publisher; those of a Config.Client are left as they are. Calls that did not end in time are cut off: they
// return an *Error around ErrClosed, and Close returns ErrCloseTimeout, perhaps
// before they have returned. A broker that does not answer the goodbye makes Close
// up to 1 s later, within CloseTimeout: when calls have taken all of it, brokers
// learn of the end by that of the connection, and where the connection is a
// Config.Client's when the group was not named for two minutes.
//
// PublishInTransaction is one call, from its half message to the end of its
// transaction. Transactions of BeginTransaction that are open stay so, see
// Transaction and Hold. Close waits for the Config.Transaction.Check calls under way, whose
// contexts it ends.
//
// Close may be called again, from several goroutines and while Publish blocks;
// each call returns when all is over, with the same result.
//
// Asynchronous messages are calls under way until OnResult has been told of them.
// Close waits for that however long OnResult takes, the messages it has cut off
// included, so that no result is lost. Message traces are sent for as long as
// CloseTimeout is not over.
func (p *Publisher) Close() error {
	return p.closeBy(time.Now().Add(p.cfg.CloseTimeout), goodbyeTimeout)
}

// closeBy is Close that waits for calls until end, and for the goodbye, to brokers
// of traces as well, as long as goodbye says but no longer than end.
func (p *Publisher) closeBy(end time.Time, goodbye time.Duration) error {
	p.mu.Lock()
	again := p.closing
	p.closing = true
	if !again && p.inFlight == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
	if again {
		<-p.closed
		return p.closeErr
	}
	if p.cluster.IsOwn() {
		p.session.Ending()
	}
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case <-p.drained:
	case <-timer.C:
		select {
		case <-p.drained:
		default:
			p.closeErr = ErrCloseTimeout
		}
	}
	p.cutOff()
	p.checkbacks.stop()
	p.creator.Close()
	parting := time.Now()
	p.member.Goodbye(min(goodbye, time.Until(end)))
	goodbye -= time.Since(parting)
	// They end what is left of calls; neither can fail.
	_, _ = p.routes.Close(), p.client.Close()
	p.engine.Wait()
	p.waitTold()
	p.tracer.close(end, goodbye)
	p.cluster.CloseOwn()
	p.member.Leave()
	close(p.closed)
	return p.closeErr
}

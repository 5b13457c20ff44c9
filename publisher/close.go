package publisher

import "time"

// enter lets a Publish call in, unless the publisher is closing.
func (p *Publisher) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.inFlight++
	return true
}

// isClosing reports whether Close has been called.
func (p *Publisher) isClosing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing
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

// Close refuses new Publish calls, waits up to Config.CloseTimeout for those
// under way, tells the brokers that the producer is gone, and ends every
// goroutine and connection of the publisher. Calls that did not end in time are
// cut off: they return an *Error around ErrClosed, and Close returns
// ErrCloseTimeout, perhaps before they have returned. A broker that does not
// answer the goodbye makes Close up to 1 s later, within CloseTimeout: when calls
// have taken all of it, brokers learn of the end by that of the connection.
// Transactions that are open stay so, see Transaction; Close waits for the
// Config.Transaction.Check calls under way, whose contexts it ends.
// Close may be called again, from several goroutines and while Publish blocks;
// each call returns when all is over, with the same result.
//
// Asynchronous messages are calls under way until OnResult has been told of them.
// Close waits for that however long OnResult takes, the messages it has cut off
// included, so that no result is lost. Message traces are sent for as long as
// CloseTimeout is not over.
func (p *Publisher) Close() error {
	end := time.Now().Add(p.cfg.CloseTimeout)
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
	began := p.now()
	timer := time.NewTimer(p.cfg.CloseTimeout)
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
	close(p.cut)
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.outboxes.cut()
	p.checker.stop()
	p.creator.close()
	p.heart.stop()
	p.heart.unregister(min(goodbyeTimeout, time.Until(end)))
	// Both only wait for goroutines that they end themselves; neither can fail.
	_ = p.routes.Close()
	_ = p.client.Close()
	p.senders.Wait()
	p.waitTold()
	p.tracer.close(p.cfg.CloseTimeout - p.now().Sub(began))
	close(p.closed)
	return p.closeErr
}

// spawn runs a sender on a goroutine that Close waits for. After that there is
// nothing to send: the sender has only to say so, and runs on the spot.
func (p *Publisher) spawn(sender func()) {
	p.mu.Lock()
	stopped := p.stopped
	if !stopped {
		p.senders.Go(sender)
	}
	p.mu.Unlock()
	if stopped {
		sender()
	}
}

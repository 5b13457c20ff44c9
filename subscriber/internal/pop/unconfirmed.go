package pop

import (
	"context"
	"sync"
	"sync/atomic"
)

// unconfirmed counts what brokers have not answered of one fetcher.
type unconfirmed struct {
	acks, others atomic.Int64
	// none has one slot: one of the counts has become 0.
	none chan struct{}

	mu     sync.Mutex // guards what follows
	lost   UnconfirmedError
	closed bool // what ends later is among lost
}

// end counts n requests, which are among those of count, as answered or, with an error, as
// given up.
func (u *unconfirmed) end(count *atomic.Int64, n int, err error) {
	if err != nil {
		u.lose(count == &u.acks, n, err)
	}
	if count.Add(int64(-n)) == 0 {
		select {
		case u.none <- struct{}{}:
		default:
		}
	}
}

func (u *unconfirmed) lose(acks bool, n int, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.closed:
		return
	case acks:
		u.lost.Acks += n
	default:
		u.lost.Others += n
	}
	u.lost.Err = err
}

// wait waits until all is answered or given up. The error is the cause of ctx.
func (u *unconfirmed) wait(ctx context.Context) error {
	for u.acks.Load()+u.others.Load() > 0 {
		select {
		case <-u.none:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// forget forgets what was given up until now.
func (u *unconfirmed) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lost = UnconfirmedError{}
}

// giveUp has all that is not answered count as given up.
func (u *unconfirmed) giveUp(cause error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lost.Acks += int(u.acks.Load())
	u.lost.Others += int(u.others.Load())
	u.lost.Err = cause
	u.closed = true
}

// report returns what was given up, nil if there is nothing.
func (u *unconfirmed) report(topic string) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lost.Acks+u.lost.Others == 0 {
		return nil
	}
	lost := u.lost
	lost.Topic = topic
	return &lost
}

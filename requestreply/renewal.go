package requestreply

import (
	"context"
	"sync"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
)

// minRenewPause is the time from the loss of a connection, or from a renewal after which a
// request got no reply, to the next renewal. It doubles with each. Brokers close a
// connection on which nothing comes for 120 s, so one that was lost for as long as oldFor
// has ended there as well.
const (
	minRenewPause = 5 * time.Second
	oldFor        = 130 * time.Second
)

// renewal has brokers note anew where replies go, some times after a connection to them was
// lost (session.Member.Renew). A broker may find out long after the requester that the
// connection has ended, and forgets then where the requester is, though it has had a
// heartbeat on the next one (ProducerManager.doChannelCloseEvent, 4.9.7 and 5.5.0). It
// sends nothing from which that could be known.
//
// In between the broker does not know the requester for a round trip, in which responders
// ask again. So it is done seldom: after 5, 15, 35, 75 and 155 s, and sooner if a request
// got no reply. One goroutine does it, run, ended by stop.
type renewal struct {
	member *session.Member
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	kick   chan struct{} // one slot: something is due sooner

	mu   sync.Mutex // guards lost
	lost map[string]*loss
}

// loss is what there is to do since the connection to an address was lost.
type loss struct {
	at    time.Time
	last  time.Time // of the last renewal, or at
	pause time.Duration
}

func newRenewal(member *session.Member) *renewal {
	r := &renewal{member: member, done: make(chan struct{}), kick: make(chan struct{}, 1), lost: make(map[string]*loss)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// lose is told that a connection to the broker at one of these addresses was lost.
func (r *renewal) lose(addrs []string) {
	now := time.Now()
	r.mu.Lock()
	for _, addr := range addrs {
		r.lost[addr] = &loss{at: now, last: now, pause: minRenewPause}
	}
	r.mu.Unlock()
	r.wake()
}

// doubt is told that a request that may be stored got no reply in time: a broker may have
// forgotten the requester.
func (r *renewal) doubt() {
	r.mu.Lock()
	for _, one := range r.lost {
		one.pause = minRenewPause
	}
	some := len(r.lost) > 0
	r.mu.Unlock()
	if some {
		r.wake()
	}
}

func (r *renewal) wake() {
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

func (r *renewal) run() {
	defer close(r.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-r.kick:
		case <-timer.C:
		}
		// One that fails is tried again when it is next due, and the session's heartbeats go
		// on. A connection that is lost meanwhile begins anew.
		if due := r.due(time.Now()); len(due) > 0 {
			_ = r.member.Renew(r.ctx, due)
		}
		timer.Stop()
		if pause, some := r.pause(time.Now()); some {
			timer.Reset(pause)
		}
	}
}

// due returns the addresses to which a renewal is due, and notes that it is done.
func (r *renewal) due(now time.Time) (addrs []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for addr, one := range r.lost {
		if now.Before(one.last.Add(one.pause)) {
			continue
		}
		addrs = append(addrs, addr)
		one.last, one.pause = now, 2*one.pause
		if now.Sub(one.at) >= oldFor {
			delete(r.lost, addr)
		}
	}
	return addrs
}

// pause is the time until something is due, if anything will be.
func (r *renewal) pause(now time.Time) (pause time.Duration, some bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.lost {
		if left := one.last.Add(one.pause).Sub(now); !some || left < pause {
			pause, some = left, true
		}
	}
	return pause, some
}

// stop ends the goroutine and waits for it.
func (r *renewal) stop() {
	r.cancel()
	<-r.done
}

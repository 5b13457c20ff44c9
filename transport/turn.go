package transport

import (
	"errors"
	"os"
	"time"
)

// turnOver is how long a caller may read by itself before the reader takes over,
// twice that at most. A call that takes longer gains nothing by it, and while it
// reads it does not notice that its context ends.
const turnOver = 5 * time.Millisecond

// turn says who reads from the socket. That is the reader, but when it has
// handed out the last answer that was waited for it stands back: the next caller
// that waits reads its own answer, which spares two goroutines the waking of each
// other. When no caller has come for a while, or one reads for long, the
// reader takes over, since somebody has to see the connection end and to hear what
// the peer asks.
//
// The fields are guarded by conn.mu.
type turn struct {
	free   bool // nobody reads
	caller bool // a caller reads
	wanted bool // the reader waits for the caller to hand over
	taken  int  // how many callers have read
}

// standBack lets callers read until they stop coming, the connection ends, or one
// has handed over. When it returns nobody else reads. The reader calls it.
func (cn *conn) standBack() {
	if !cn.standsBack {
		return
	}
	cn.mu.Lock()
	if len(cn.pending) > 0 || cn.err != nil {
		cn.mu.Unlock()
		return
	}
	cn.turn.free = true
	seen := cn.turn.taken
	cn.mu.Unlock()
	timer := time.NewTimer(turnOver)
	defer timer.Stop()
	for {
		select {
		case <-cn.over:
			return
		case <-cn.broken:
			cn.mu.Lock()
			free := cn.turn.free
			cn.turn.free = false
			cn.mu.Unlock()
			if !free {
				<-cn.over
			}
			return
		case <-timer.C:
		}
		cn.mu.Lock()
		switch {
		case !cn.turn.free && !cn.turn.caller: // it is being handed over
			cn.mu.Unlock()
			<-cn.over
			return
		case cn.turn.taken != seen:
			seen = cn.turn.taken
			cn.mu.Unlock()
			timer.Reset(turnOver)
		case cn.turn.caller:
			cn.turn.wanted = true
			cn.mu.Unlock()
			_ = cn.nc.SetReadDeadline(time.Unix(1, 0)) // fails if the connection has ended, which ends the read as well
			<-cn.over
			return
		default:
			cn.turn.free = false
			cn.mu.Unlock()
			return
		}
	}
}

// readOwn reads until c has its answer, if nobody else reads. It may return before
// that: then the reader goes on.
func (cn *conn) readOwn(c *call) {
	if c.oneway {
		return
	}
	cn.mu.Lock()
	if !cn.turn.free || cn.err != nil {
		cn.mu.Unlock()
		return
	}
	cn.turn.free, cn.turn.caller = false, true
	cn.turn.taken++
	cn.mu.Unlock()
	through := false
	defer func() { cn.endTurn(!through) }()
	for len(c.done) == 0 && !c.early { // the early one was read here, and the writer hands it out
		cmd, err := cn.next()
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) || !cn.isWanted() {
				cn.fail("read", cn.readError(err))
			}
			break
		}
		cn.handle(cmd)
	}
	through = true
}

// endTurn ends the turn of a caller that has read. Where a RequestHandler has panicked
// the reader goes on in any case.
func (cn *conn) endTurn(panicked bool) {
	cn.mu.Lock()
	if cn.turn.wanted {
		cn.socket.deadline = time.Time{} // it has passed, or is about to
	}
	cn.turn.caller = false
	handOver := panicked || cn.turn.wanted || cn.err != nil || len(cn.pending) > 0
	cn.turn.wanted, cn.turn.free = false, !handOver
	cn.mu.Unlock()
	if handOver {
		cn.over <- struct{}{} // it has room: the reader takes one before it stands back again
	}
}

// isWanted reports whether the reader wants to take over.
func (cn *conn) isWanted() bool {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	return cn.turn.wanted
}

package transport

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

const (
	// gatherSize is how many bytes of frames are put into one write. A frame that is
	// larger is written by itself, without copying it.
	gatherSize = 64 << 10
	// leastPatience is what a caller needs that writes where a write may wait for
	// the peer, since a write that runs out of time ends the connection.
	leastPatience = 100 * time.Millisecond
)

// writeLoop sends what is queued until the connection ends. Frames that gathered
// while a write was under way go out together in the next one.
func (cn *conn) writeLoop() {
	defer cn.client.wg.Done()
	defer close(cn.written)
	for ended := false; !ended; {
		select {
		case <-cn.kick:
		case <-cn.broken:
			ended = true // what a caller has handed over has to be settled all the same
		}
		for batch := cn.take(); len(batch) > 0; batch = cn.take() {
			cn.wrote(cn.write(batch))
		}
	}
}

// patience says whether a caller may write by itself, and until when the write may
// take.
func (cn *conn) patience(ctx context.Context) (until time.Time, ok bool) {
	if cn.eager != nil || !cn.direct {
		return time.Time{}, cn.eager != nil
	}
	now := time.Now()
	until = now.Add(cn.client.cfg.WriteTimeout)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	return until, until.Sub(now) >= leastPatience
}

// writeAlone sends the one frame in writing, for a caller that has found nothing
// else on its way. What the socket does not take is left to the writer where that
// is possible, and otherwise has until then. It reports whether there is something
// for the writer to do.
func (cn *conn) writeAlone(until time.Time) (more bool) {
	frame := *cn.writing[0].frame
	if cn.eager == nil {
		cn.writeBy = until
		if err := cn.nc.SetWriteDeadline(until); err != nil {
			return cn.wrote(0, err)
		}
		return cn.wrote(cn.send(frame))
	}
	if err := cn.moveDeadline(); err != nil {
		return cn.wrote(0, err)
	}
	n, err := cn.eager.write(frame)
	if err == nil && n < len(frame) && cn.handOver(n) {
		return true
	}
	return cn.wrote(n, err)
}

// handOver leaves the rest of the frame, of which went bytes have gone, to the
// writer. It reports whether there is one: not if the connection has ended.
func (cn *conn) handOver(went int) bool {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	cn.handed, cn.went = cn.err == nil, went
	return cn.handed
}

// take moves the frames of the next write from the queue into the writer's
// hands, or takes over the frame that a caller has begun to write. There are none
// while somebody else writes.
func (cn *conn) take() []outgoing {
	cn.mu.Lock()
	defer cn.mu.Unlock()
	if cn.handed {
		cn.handed = false
		return cn.writing
	}
	if cn.held || len(cn.queue) == 0 {
		return nil
	}
	cn.takeLocked()
	return cn.writing
}

// takeLocked moves as many frames as fit into gatherSize, at least one. No more,
// since what is still queued can be taken back. mu is held.
func (cn *conn) takeLocked() {
	cn.held = true
	count, size := 0, 0
	for _, o := range cn.queue {
		if size += len(*o.frame); size > gatherSize && count > 0 {
			break
		}
		count++
	}
	cn.writing = append(cn.writing, cn.queue[:count]...)
	cn.queue = slices.Delete(cn.queue, 0, count)
	cn.taken = time.Now()
	for _, o := range cn.writing {
		if o.call != nil {
			o.call.taken = cn.taken
		} else {
			cn.answers--
			cn.answerBytes -= len(*o.frame)
			cn.answersFull = false
		}
	}
	if len(cn.writing) == 1 && len(cn.pending) == 1 {
		cn.lone = cn.writing[0].call
	}
}

// write sends the frames of batch in one write and says how many of their bytes
// the network has accepted.
func (cn *conn) write(batch []outgoing) (int, error) {
	data := *batch[0].frame
	if len(batch) > 1 {
		chunk := cn.client.chunks.Get()
		defer cn.client.chunks.Put(chunk)
		for _, o := range batch {
			*chunk = append(*chunk, *o.frame...)
		}
		data = *chunk
	}
	went := cn.went // of the only frame, if a caller has begun to write it
	if err := cn.moveDeadline(); err != nil {
		return went, err
	}
	n, err := cn.send(data[went:])
	return went + n, err
}

func (cn *conn) send(data []byte) (int, error) {
	n, err := cn.nc.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return n, err
}

// moveDeadline sees to it that the next write has its time. It is done now and
// then, not each time: that costs more than a small write. One may end up to an
// eighth early.
func (cn *conn) moveDeadline() error {
	most := cn.client.cfg.WriteTimeout
	if cn.writeBy.Sub(cn.taken) >= most-most/8 {
		return nil
	}
	cn.writeBy = cn.taken.Add(most)
	return cn.nc.SetWriteDeadline(cn.writeBy)
}

// wrote settles the calls of the batch after its write: the oneway ones, which
// nobody else answers, the lone one if its answer has come already, and all if the
// connection has ended. A peer acts on whole
// frames only, so a request has not been received if the last of its bytes is
// not among the n that were accepted. It reports whether there is more to write.
func (cn *conn) wrote(n int, err error) (more bool) {
	if err != nil {
		cn.awaitAlert(err)
		cn.fail("write", cn.wantsTLS(err))
	}
	var settled []*call
	end := 0
	cn.mu.Lock()
	for _, o := range cn.writing {
		end += len(*o.frame)
		if o.call == nil || o.oneway {
			cn.doubt = time.Now() // no answer will tell when the peer has read it
		}
		cn.client.frames.Put(o.frame)
		if o.call == nil || !o.oneway && o.call != cn.lone && cn.err == nil {
			continue
		}
		c := cn.pending[o.opaque]
		if c == nil || !o.oneway && !c.early && cn.err == nil {
			continue // withdrawn or answered already, or the answer is still to come
		}
		delete(cn.pending, o.opaque)
		if whole := end <= n && !errors.Is(cn.err, ErrCertificateRefused); !whole || !o.oneway && !c.early {
			c.answer = headers.Command{} // of a request that the peer does not have
			c.err = &OpError{Op: cn.op, Addr: cn.addr, Sent: whole, Err: cn.err}
		}
		settled = append(settled, c)
	}
	clear(cn.writing)
	cn.writing = cn.writing[:0]
	cn.held, cn.lone, cn.went = false, nil, 0
	more = len(cn.queue) > 0
	cn.unlock()
	for _, c := range settled {
		c.finish()
	}
	return more
}

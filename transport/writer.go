package transport

import (
	"errors"
	"io"
	"slices"
	"time"
)

// gatherSize is how many bytes of frames are put into one write. A frame that is
// larger is written by itself, without copying it.
const gatherSize = 64 << 10

// writeLoop sends what is queued until the connection ends. Frames that gathered
// while a write was under way go out together in the next one.
func (cn *conn) writeLoop() {
	defer cn.client.wg.Done()
	defer close(cn.written)
	for {
		select {
		case <-cn.kick:
		case <-cn.broken:
			return
		}
		for batch := cn.take(); len(batch) > 0; batch = cn.take() {
			cn.wrote(cn.write(batch))
		}
	}
}

// take moves the frames of the next write from the queue into the writer's
// hands. There are none while somebody else writes.
func (cn *conn) take() []outgoing {
	cn.mu.Lock()
	defer cn.mu.Unlock()
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
			cn.refusals--
		}
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
	// The deadline is moved now and then, not each time: that costs more than a
	// small write. One may end up to an eighth early.
	most := cn.client.cfg.WriteTimeout
	if cn.writeBy.Sub(cn.taken) < most-most/8 {
		cn.writeBy = cn.taken.Add(most)
		if err := cn.nc.SetWriteDeadline(cn.writeBy); err != nil {
			return 0, err
		}
	}
	n, err := cn.nc.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return n, err
}

// wrote settles the calls of the batch after its write: the oneway ones, which
// nobody else answers, and all if the connection has ended. A peer acts on whole
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
		if o.call == nil || !o.oneway && cn.err == nil {
			continue
		}
		c := cn.pending[o.opaque]
		if c == nil {
			continue // withdrawn, or answered already
		}
		delete(cn.pending, o.opaque)
		if whole := end <= n && !errors.Is(cn.err, ErrCertificateRefused); !o.oneway || !whole {
			c.err = &OpError{Op: cn.op, Addr: cn.addr, Sent: whole, Err: cn.err}
		}
		settled = append(settled, c)
	}
	clear(cn.writing)
	cn.writing = cn.writing[:0]
	cn.held = false
	more = len(cn.queue) > 0
	cn.unlock()
	for _, c := range settled {
		c.finish()
	}
	return more
}
